import { networks } from '../../benchmarks/detection/c4.ts';
import { paddedRange } from '../../benchmarks/detection/feed.ts';
import { addDetecting, detect } from '../../benchmarks/detection/infer.ts';
import type { MethodSpec } from '../../benchmarks/detection/method_spec.ts';
import { detectorBackbone } from '../../benchmarks/detection/network.ts';
import { benchmarks } from '../../benchmarks/index.ts';
import { always } from '../../harness/base/index.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { Program } from '../../harness/engine/program.ts';
import { statesOf, writeStages } from '../../harness/evaluation/stage_states.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';
import { openTraining } from '../../harness/run/open_training.ts';
import type { DetectionShape } from '../../reports/detection_speed.ts';
import { NOWHERE, sidesOf, type TimedDetection } from './detection_shape.ts';

const NAME = 'detect';
/** The class that fresh weights are made to see in every region: else nothing passes the least score. */
const SEEN = 'roi_heads.box_predictor.cls_score.bias';

/** Looking for objects in one batch, from pixels that the network takes to boxes with classes and scores, and masks. */
export async function inferenceStep(
  experiment: Experiment,
  spec: MethodSpec,
  shape: DetectionShape,
): Promise<TimedDetection> {
  const whole = { ...spec, backbone: detectorBackbone(experiment.backbone) };
  const own = networks(whole);
  const shapeless = { samples: shape.batch, classes: spec.classes };
  const methods = methodsOf(benchmarks);
  const training = await openTraining({ experiment, methods, data: NOWHERE, shape: shapeless });
  const weights = await always(
    async () => {
      await training.learner.initialise(experiment.seed);
      return new Map(await training.learner.save());
    },
    () => training.dispose(),
  );
  const seen = weights.get(SEEN)?.data;
  if (seen === undefined) throw new Error(`speed: there is no ${SEEN}`);
  seen[0] = 1;
  const program = new Program({ intraThreads: 0 });
  const range = paddedRange(experiment.data.size);
  const free = { images: shape.batch, height: range, width: range };
  const one = { program, name: NAME, spec: whole, shape: free };
  const stages = Object.entries(own).map(([name, module]) => ({ prefix: `${name}.`, module }));
  for (const [name, { dtype, shape: dims }] of statesOf(stages))
    program.state(name, { dtype, shape: dims });
  addDetecting(one, own);
  await writeStages(program, stages, weights);
  const sides = sidesOf(shape);
  const draws = stream(experiment.seed, 'speed of detection');
  const { height, width } = sides;
  const pixels = Float32Array.from({ length: 3 * height * width * shape.batch }, () =>
    draws.normal(),
  );
  const sizes = Array.from({ length: shape.batch }, () => [height, width] as const);
  return {
    program,
    async take() {
      const { found } = await detect(one, pixels, sizes, sides);
      const count = (of: (one: (typeof found)[number]) => number) =>
        found.reduce((sum, each) => sum + of(each), 0);
      return {
        regions: shape.batch * spec.proposals.test.after, // fewer are filled up with empty boxes
        proposals: count(({ proposals }) => proposals.boxes.length / 4),
        detections: count(({ detections }) => detections.classes.length),
      };
    },
    dispose: () => program.dispose(),
  };
}
