import { UserError } from '../base/index.ts';
import { sameClasses } from '../data/classes.ts';
import { classNames } from '../data/label_counts.ts';
import type { Source } from '../data/source.ts';
import type { BoundMethod, Model } from '../experiment/index.ts';
import { CheckpointExtra } from '../record/history.ts';
import type { Tensors } from '../step/learner.ts';
import { readCheckpointMeta } from '../weights/checkpoint.ts';
import { readWeightsMetadata } from '../weights/weights_file.ts';

/** The classes that a run learns by name, for its checkpoints; undefined where it learns none. */
export function learntClasses(method: BoundMethod, source: Source): readonly string[] | undefined {
  return method.labels ? classNames('data.train', source) : undefined;
}

/**
 * Compares the classes of a classifier that a file of weights holds with those of the run's data.
 * @param values what was taken from the file, by name
 * @returns a warning where the file does not say what its classes are
 * @throws UserError naming the classes that differ.
 */
export function checkPretrainedClasses(
  file: string,
  values: Tensors,
  { classifier, backbone }: Model,
  source: Source,
): string | undefined {
  const heads = (classifier?.networks ?? []).map((network) => `${network}.`);
  const taken = [...values.keys()].some(
    (name) => !name.startsWith(backbone) && heads.some((head) => name.startsWith(head)),
  );
  if (!taken) return undefined;
  const classes = classesIn(file);
  if (classes === undefined)
    return `--pretrained ${file}: it holds a classifier and does not say of which classes: taken as those of data.train, in the same order`;
  try {
    const path = `--pretrained ${file}`;
    const own = { labels: new Int32Array(), classes, describe: () => path };
    sameClasses({ path: 'data.train', source }, { path, source: own });
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(
      `${cause.message}; or take the backbone alone, with scripts/extract_backbone.mjs`,
      { cause },
    );
  }
  return undefined;
}

function classesIn(file: string): readonly string[] | undefined {
  const { format } = readWeightsMetadata(file);
  if (format?.startsWith('reprise-checkpoint') !== true) return undefined;
  return CheckpointExtra.safeParse(readCheckpointMeta(file).extra).data?.classes;
}
