import { UserError } from '../base/index.ts';
import { samplesPerReplica } from '../data/loader/order.ts';
import { percentOf } from '../data/sources/balanced.ts';
import { plainSourcesOf, type SourceSpec, type ViewSpec } from '../data/spec.ts';
import type { Experiment } from './spec.ts';

/** What can be known of an experiment before any data are opened. @throws UserError by spec path. */
export function checkExperiment(experiment: Experiment): void {
  const { data, evaluation } = experiment;
  const whole = { size: data.size, sizePath: 'data.size' };
  data.pipelines.forEach((view, i) => {
    checkCrop(experiment, { ...whole, path: `data.pipelines[${i}]`, view, source: data.train });
  });
  if (evaluation?.pipeline !== undefined) {
    const { pipeline: view, size } = evaluation;
    const side = size === undefined ? whole : { size, sizePath: 'evaluation.size' };
    for (const source of [evaluation.train, evaluation.test])
      if (source !== undefined)
        checkCrop(experiment, { ...side, path: 'evaluation.pipeline', view, source });
  }
  const count = evaluation?.train === undefined ? undefined : countOf(evaluation.train);
  if (count !== undefined) checkNeighbours(experiment, count);
}

/** What can be known once the data are open. @throws UserError by spec path. */
export function checkData({ name, replicas, batch, data }: Experiment, count: number): void {
  if (data.objects !== undefined) return; // their order has no end
  const rest = samplesPerReplica({ replicas }, count) % batch;
  if (!data.dropLast && rest > 0)
    throw new UserError(
      `experiment ${name}: data.dropLast: false, and the last step of an epoch would have ${rest} ` +
        `images a replica instead of ${batch}; use dropLast: true, or a batch that divides ` +
        `${samplesPerReplica({ replicas }, count)}`,
    );
}

/** @throws UserError when k-NN asks for more neighbours than there are. */
function checkNeighbours({ name, evaluation }: Experiment, count: number): void {
  const k = evaluation?.knn?.k;
  if (k !== undefined && k > count)
    throw new UserError(
      `experiment ${name}: evaluation.knn.k: found ${k}, but evaluation.train has ${count} images; ` +
        `use a k of at most ${count}`,
    );
}

interface Cropped {
  /** Side of the views, and where it is said. */
  readonly size: number;
  readonly sizePath: string;
  readonly path: string;
  readonly view: ViewSpec;
  readonly source: SourceSpec;
}

/** A crop of fixed size, and patches, must fit into the image that comes to them. */
function checkCrop({ name }: Experiment, { size, sizePath, path, view, source }: Cropped): void {
  let side = sideOf(source);
  const refuse = (at: number, what: string, mend: string) => {
    throw new UserError(
      `experiment ${name}: ${path}[${at}]: ${what}, but images are ${side} there; ${mend}`,
    );
  };
  view.forEach((op, i) => {
    const cut = ('size' in op ? op.size : undefined) ?? size;
    if (op.kind === 'randomResizedCrop' || op.kind === 'resize' || op.kind === 'squash') side = cut;
    if (op.kind === 'patches') {
      const needed = op.grid * (size + op.jitter);
      if (side !== undefined && side < needed)
        refuse(
          i,
          `${op.grid} x ${op.grid} patches of ${size} pixels with a jitter of ${op.jitter} need ` +
            `${needed} pixels`,
          `resize before, or use a smaller ${sizePath} or jitter`,
        );
    }
    if (op.kind !== 'centerCrop' && op.kind !== 'randomCrop') return;
    const padding = op.kind === 'randomCrop' ? op.padding : 0;
    if (side !== undefined && side + 2 * padding < cut)
      refuse(
        i,
        `${op.kind} to ${cut} pixels`,
        `resize before, or use a smaller ${cut === size ? sizePath : 'size'}`,
      );
    side = cut;
  });
}

/** Side of the images where the kind of source fixes it; of several the smallest, which fits least. */
function sideOf(source: SourceSpec): number | undefined {
  const sides = plainSourcesOf(source).flatMap((plain) => {
    if (plain.kind === 'generated') return [plain.size];
    return plain.kind === 'cifar10' || plain.kind === 'cifar100' ? [32] : [];
  });
  return sides.length === 0 ? undefined : Math.min(...sides);
}

/** Samples of a source where the experiment alone says how many. */
function countOf(source: SourceSpec): number | undefined {
  if (source.kind === 'generated') return source.count;
  if (source.kind === 'repeat') {
    const count = countOf(source.source);
    return count === undefined ? undefined : count * source.times;
  }
  if (source.kind === 'subset') {
    const count = countOf(source.source);
    return count === undefined || source.percent === undefined
      ? undefined
      : percentOf(count, source.percent);
  }
  if (source.kind !== 'concat') return undefined;
  const counts = source.sources.flatMap((part) => countOf(part) ?? []);
  if (counts.length < source.sources.length) return undefined;
  return counts.reduce((sum, count) => sum + count, 0);
}
