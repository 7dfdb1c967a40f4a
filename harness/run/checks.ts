import { samplesPerReplica } from '../data/order.ts';
import type { SourceSpec, ViewSpec } from '../data/spec.ts';
import { UserError } from '../errors.ts';
import type { Experiment } from './spec.ts';

/** What can be known of an experiment before any data are opened. @throws UserError by spec path. */
export function checkExperiment(experiment: Experiment): void {
  const { data, evaluation } = experiment;
  data.pipelines.forEach((view, i) => {
    checkCrop(experiment, `data.pipelines[${i}]`, view, data.train);
  });
  if (evaluation?.pipeline !== undefined)
    for (const use of ['train', 'test'] as const)
      checkCrop(experiment, 'evaluation.pipeline', evaluation.pipeline, evaluation[use]);
  const count = evaluation === undefined ? undefined : countOf(evaluation.train);
  if (count !== undefined) checkNeighbours(experiment, count);
}

/** What can be known once the data are open. @throws UserError by spec path. */
export function checkData({ name, replicas, batch, data }: Experiment, count: number): void {
  const rest = samplesPerReplica({ replicas }, count) % batch;
  if (!data.dropLast && rest > 0)
    throw new UserError(
      `experiment ${name}: data.dropLast: false, and the last step of an epoch would have ${rest} ` +
        `images a replica instead of ${batch}; use dropLast: true, or a batch that divides ` +
        `${samplesPerReplica({ replicas }, count)}`,
    );
}

/** @throws UserError when k-NN asks for more neighbours than there are. */
export function checkNeighbours({ name, evaluation }: Experiment, count: number): void {
  const k = evaluation?.knn?.k;
  if (k !== undefined && k > count)
    throw new UserError(
      `experiment ${name}: evaluation.knn.k: found ${k}, but evaluation.train has ${count} images; ` +
        `use a k of at most ${count}`,
    );
}

/** A crop of fixed size, and patches, must fit into the image that comes to them. */
function checkCrop({ name, data }: Experiment, path: string, view: ViewSpec, source: SourceSpec) {
  let side = sideOf(source);
  const refuse = (at: number, what: string, mend: string) => {
    throw new UserError(
      `experiment ${name}: ${path}[${at}]: ${what}, but images are ${side} there; ${mend}`,
    );
  };
  view.forEach((op, i) => {
    const cut = ('size' in op ? op.size : undefined) ?? data.size;
    if (op.kind === 'randomResizedCrop' || op.kind === 'resize') side = cut;
    if (op.kind === 'patches') {
      const needed = op.grid * (data.size + op.jitter);
      if (side !== undefined && side < needed)
        refuse(
          i,
          `${op.grid} x ${op.grid} patches of ${data.size} pixels with a jitter of ${op.jitter} need ` +
            `${needed} pixels`,
          'resize before, or use a smaller data.size or jitter',
        );
    }
    if (op.kind !== 'centerCrop' && op.kind !== 'randomCrop') return;
    const padding = op.kind === 'randomCrop' ? op.padding : 0;
    if (side !== undefined && side + 2 * padding < cut)
      refuse(
        i,
        `${op.kind} to ${cut} pixels`,
        `resize before, or use a smaller ${cut === data.size ? 'data.size' : 'size'}`,
      );
    side = cut;
  });
}

/** Side of the images where the kind of source fixes it. */
function sideOf(source: SourceSpec): number | undefined {
  if (source.kind === 'generated') return source.size;
  return source.kind === 'cifar10' || source.kind === 'cifar100' ? 32 : undefined;
}

function countOf(source: SourceSpec): number | undefined {
  return source.kind === 'generated' ? source.count : undefined;
}
