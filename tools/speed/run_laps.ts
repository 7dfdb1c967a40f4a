import { takeStep } from '../../harness/step/take_step.ts';
import type { Lap } from './lap.ts';
import type { OpenStep } from './open_step.ts';
import type { Turns } from './turns.ts';

export interface LapSetup {
  /** Steps that count. */
  readonly steps: number;
  /** Steps before them. */
  readonly warmup: number;
  /** Whom each step waits for. */
  readonly turns: Turns | undefined;
}

/** Runs steps and times them. */
export async function runLaps(
  { training, batches, watch, plan }: OpenStep,
  { steps, warmup, turns }: LapSetup,
): Promise<Lap[]> {
  const laps: Lap[] = [];
  const host = training.host();
  for (let step = 0; step < warmup + steps; step++) {
    await turns?.begin();
    const before = performance.now();
    const inside = watch.milliseconds();
    const cpu = process.cpuUsage();
    const { value: batch, done } = await batches.next();
    if (done) throw new Error(`speed: no batch for step ${step}`);
    const waited = performance.now() - before;
    await takeStep(training.learner, host, batch, plan(step), { epoch: 0, epochStep: step });
    if (step < warmup) continue;
    const whole = performance.now() - before;
    const { user, system } = process.cpuUsage(cpu);
    const session = watch.milliseconds() - inside;
    const lap = { step: whole, session, waited, cpu: (user + system) / 1e3 };
    laps.push(lap);
    turns?.end(lap);
  }
  turns?.close();
  await batches.return?.();
  return laps;
}
