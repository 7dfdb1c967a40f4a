import { fedWith } from '../../benchmarks/detection/feed.ts';
import type { MethodSpec } from '../../benchmarks/detection/method_spec.ts';
import { benchmarks } from '../../benchmarks/index.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { image } from '../../harness/data/images/image.ts';
import { ofReplica } from '../../harness/data/loader/batch.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';
import { openTraining } from '../../harness/run/open_training.ts';
import { runStep } from '../../harness/step/step.ts';
import type { DetectionShape } from '../../reports/detection_speed.ts';
import { NOWHERE, sidesOf, type TimedDetection } from './detection_shape.ts';

/** Objects of a picture, as `torch_detection_reference.py`. */
const BOXES = 5;

/** A step of training: begins with pictures and objects, so what anchors learn is found in it, and ends with its losses. */
export async function trainingStep(
  experiment: Experiment,
  spec: MethodSpec,
  shape: DetectionShape,
): Promise<TimedDetection> {
  const { data, seed, batch } = experiment;
  const { objects, size, mean, std } = data;
  if (objects === undefined) throw new Error('speed: the detector has no objects');
  const training = await openTraining({
    experiment,
    methods: methodsOf(benchmarks),
    data: NOWHERE,
    shape: { samples: batch, classes: spec.classes },
  });
  await training.learner.initialise(seed);
  const pictures = noisePictures(spec, shape, seed);
  const setup = { seed, batch, size, most: objects.most, mean, std };
  return {
    program: training.learner.program,
    async take(step) {
      const places = pictures.map((one, i) => ({ ...one, place: step * batch + i }));
      const fed = ofReplica(0, fedWith(spec, setup, places));
      const indices = Int32Array.from({ length: batch }, (_, i) => i);
      const numbers = { rate: 2e-5, scalars: {} };
      const losses = await runStep(
        training.learner.program,
        { views: [], draws: {}, indices, ...fed },
        numbers,
      );
      return { loss: Number(losses.loss?.data[0]), regions: spec.roi.count * batch };
    },
    dispose: () => training.dispose(),
  };
}

/** With objects of a tenth to six tenths of a side, as the reference has them; their outlines are ellipses. */
function noisePictures(spec: MethodSpec, shape: DetectionShape, seed: number) {
  const { height, width } = sidesOf(shape);
  const draws = stream(seed, 'speed of detection');
  const change = { width, height, toWidth: width, toHeight: height, flip: false };
  return Array.from({ length: shape.batch }, (_, index) => {
    const targets = Array.from({ length: BOXES }, () => {
      const side = () => 0.1 + 0.5 * draws.uniform();
      const [w, h] = [side(), side()];
      const [x, y] = [width * (1 - w) * draws.uniform(), height * (1 - h) * draws.uniform()];
      const box = [x, y, x + width * w, y + height * h] as const;
      return { class: draws.int(0, spec.classes - 1), box, polygons: [ellipse(box)] };
    });
    const bytes = Uint8Array.from({ length: 3 * height * width }, () => draws.int(0, 255));
    return { index, change, targets, picture: image(width, height, bytes) };
  });
}

const CORNERS = 32;

function ellipse([x1, y1, x2, y2]: readonly [number, number, number, number]): Float64Array {
  const at = (k: number) => {
    const turn = (2 * Math.PI * k) / CORNERS;
    const [across, down] = [(x2 - x1) / 2, (y2 - y1) / 2];
    return [x1 + across * (1 + Math.cos(turn)), y1 + down * (1 + Math.sin(turn))];
  };
  return Float64Array.from(Array.from({ length: CORNERS }, (_, k) => at(k)).flat());
}
