import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readJson, Sha256 } from '../harness/base/index.ts';
import { startEngine } from '../harness/engine/index.ts';
import { fingerprint } from '../harness/engine/native/fingerprint.ts';
import { numericsIds } from '../harness/engine/numerics/index.ts';
import { type Experiment, experimentId, parseExperiment } from '../harness/experiment/index.ts';
import { train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';

/** A run whose states were met bit for bit on CPUs of two vendors. */
const CrossCpu = z.strictObject({
  experimentId: Sha256,
  experiment: z.looseObject({ name: z.string() }),
  /** SHA-256 of libtensorflow. */
  library: Sha256,
  /** The golden of the history that it is from. */
  madeFrom: z.strictObject({ golden: z.string(), commit: z.string() }),
  /** What a CPU computes that has met it: the id of its numerics in fp32. */
  numerics: z.string().regex(/^[0-9a-f]{12}$/),
  /** Platforms by fingerprint, with what told their CPUs apart. */
  met: z.array(
    z.strictObject({ platform: z.string(), cpu: z.string(), caches: z.array(z.string()) }),
  ),
  /** State hashes by epoch, that of the start first. */
  states: z.array(Sha256).min(1),
});

const file = fileURLToPath(new URL('cross_cpu/moco.json', import.meta.url));
export const crossCpu = CrossCpu.parse(readJson(file, 'a run that several CPUs have met'));
export const crossCpuExperiment: Experiment = parseExperiment(crossCpu.experiment, methods);

/** Whether this CPU computes what those compute that have met its states; says on stderr where it does not. */
export async function isMetHere(): Promise<boolean> {
  await startEngine();
  const { id, cpu, library } = fingerprint();
  const { fp32 } = await numericsIds();
  const met =
    library === crossCpu.library &&
    (fp32 === crossCpu.numerics || crossCpu.met.some(({ platform }) => platform === id));
  if (!met)
    process.stderr.write(
      `NOT COMPARED: the states of ${crossCpu.madeFrom.golden} hold where numerics are ${crossCpu.numerics}; ` +
        `here (platform ${id}, ${cpu}) they are ${fp32}\n`,
    );
  return met;
}

/** State hashes of its first epochs as today's code computes them, that of the start first. */
export async function statesOfToday(folder: string, epochs: number): Promise<Sha256[]> {
  const { record } = await train({
    experiment: crossCpuExperiment,
    methods,
    data: folder,
    workDir: join(folder, crossCpu.experiment.name),
    stopAfterEpoch: epochs,
    terminal: { write: () => true },
  });
  return record.epochs.map(({ stateHash }) => stateHash);
}

/** Today's id of the experiment. */
export const crossCpuId = experimentId(crossCpuExperiment);
