import { methodSpec } from '../../benchmarks/detection/method_spec.ts';
import { always } from '../../harness/base/index.ts';
import type { DetectionShape } from '../../reports/detection_speed.ts';
import { inferenceStep } from './detection_inference.ts';
import { experimentOf } from './detection_shape.ts';
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
  const { kind: _, ...fields } = experiment.method;
  const spec = methodSpec.parse(fields);
  const began = performance.now();
  const step = shape.inference
    ? await inferenceStep(experiment, spec, shape)
    : await trainingStep(experiment, spec, shape);
  const openSeconds = (performance.now() - began) / 1e3;
  return always(
    async () => {
      const turns = turnsFrom(process.stdin, (laps) => print({ turn: ofTurn(laps) }));
      let counted: Readonly<Record<string, number>> = {};
      let first = 0;
      for (let i = 0; i < shape.steps; i++) {
        await turns.begin();
        const [before, cpu] = [performance.now(), process.cpuUsage()];
        counted = await step.take(i);
        const took = performance.now() - before;
        if (i === 0) first = took;
        turns.end(lapOf(took, process.cpuUsage(cpu)));
      }
      turns.close();
      return {
        ...counted,
        operations: step.program.graph.nodes.length,
        open_s: Number(openSeconds.toFixed(1)),
        first_s: Number((first / 1e3).toFixed(1)),
        peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
      };
    },
    () => step.dispose(),
  );
}

function lapOf(step: number, { user, system }: NodeJS.CpuUsage): Lap {
  return { step, session: step, waited: 0, cpu: (user + system) / 1e3 };
}
