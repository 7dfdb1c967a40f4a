import { methodSpec } from '../../benchmarks/detection/method_spec.ts';
import { always } from '../../harness/base/index.ts';
import type { DetectionShape } from '../../reports/detection_speed.ts';
import { inferenceStep } from './detection_inference.ts';
import { experimentOf, specFields } from './detection_shape.ts';
import { trainingStep } from './detection_training.ts';
import { type Lap, ofTurn } from './lap.ts';
import { turnsFrom } from './turns.ts';

/**
 * Our side: steps of training or of inference, as many as each turn asks for, on pictures of noise.
 * @param print is told of each turn
 */
export async function detectionSide(
  shape: DetectionShape & { readonly steps: number },
  print: (result: object) => void,
): Promise<object> {
  const experiment = experimentOf(shape);
  const spec = methodSpec.parse(specFields(experiment));
  const step = shape.inference
    ? await inferenceStep(experiment, spec, shape)
    : await trainingStep(experiment, spec, shape);
  return always(
    async () => {
      const turns = turnsFrom(process.stdin, (laps) => print({ turn: ofTurn(laps) }));
      let counted: Readonly<Record<string, number>> = {};
      for (let i = 0; i < shape.steps; i++) {
        await turns.begin();
        const [before, cpu] = [performance.now(), process.cpuUsage()];
        counted = await step.take(i);
        turns.end(lapOf(performance.now() - before, process.cpuUsage(cpu)));
      }
      turns.close();
      return { ...counted, peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024) };
    },
    () => step.dispose(),
  );
}

function lapOf(step: number, { user, system }: NodeJS.CpuUsage): Lap {
  return { step, session: step, waited: 0, cpu: (user + system) / 1e3 };
}
