import { checkClassCount, defineMethod, type Step, tf } from '../../harness/experiment/kit.ts';
import { trainingLosses } from './c4.ts';
import { masksWithin } from './draw_masks.ts';
import { type DrawnRegions, drawnWithin } from './draw_regions.ts';
import { fedWith, stepInputs } from './feed.ts';
import { finder } from './finder.ts';
import { type MethodSpec, methodSpec } from './method_spec.ts';
import { detectorModel } from './network.ts';

/**
 * Faster R-CNN, Ren et al. 2015, arXiv:1506.01497, on a ResNet's third stage, with one more norm behind the fourth:
 * docs/reference/detection.md. A replica is one of the original's GPUs: it has pictures and divisors of its own.
 */
export const detectionMethod = defineMethod<MethodSpec>({
  kind: 'detection',
  schema: methodSpec,
  views: 0,
  objects: { inputs: stepInputs, feed: fedWith, finder },
  checkData: checkClassCount,
  model: detectorModel,

  loss(spec, step) {
    let drawn: DrawnRegions | undefined;
    const losses = trainingLosses(spec, (network, x) => step.forward(network, x), {
      images: step.input('images'), // [N, H, W, 3]
      anchors: inputsOf(step, ['labels', 'drawn', 'moved', 'deltas']),
      regions: (proposed) => {
        const named = ['anchors', 'sizes', 'truths', 'classes', 'counts', 'keys'] as const;
        drawn = drawnWithin(spec, proposed, inputsOf(step, named), step.pictures);
        return drawn;
      },
      masks:
        spec.mask === undefined
          ? undefined
          : () => masksWithin(spec, drawn, inputsOf(step, ['sides', 'parts']), step.pictures),
    });
    const loss = Object.values(losses).reduce((sum, one) => tf.add(sum, one));
    const observed = Object.fromEntries(
      (drawn?.drawn ?? []).flatMap(({ boxes, classes, goals }, i) =>
        Object.entries({ boxes, classes, goals }).map(([name, x]) => [`drawn${i}.${name}`, x]),
      ),
    );
    return { loss, metrics: losses, observed };
  },
});

function inputsOf<Name extends string>(step: Step, names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, step.input(name)])) as Record<
    Name,
    ReturnType<Step['input']>
  >;
}
