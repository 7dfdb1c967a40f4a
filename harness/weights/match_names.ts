import { UserError } from '../base/index.ts';
import type { Shapes } from './architecture.ts';

/** A tensor that is in a file and in a model, and of another shape in each. */
export interface Misfit {
  readonly model: string;
  readonly file: string;
  readonly wanted: readonly number[];
  readonly found: readonly number[];
}

/** What became of every name of a file and of a model. */
export interface NameMatch {
  /** The file's name of each name of the model that it has a tensor for, in the model's order. */
  readonly matched: ReadonlyMap<string, string>;
  readonly misfits: readonly Misfit[];
  /** Names of the file that none of the model's took, in the file's order. */
  readonly unused: readonly string[];
  /** Names of the model that stay as they are, in its order. */
  readonly missing: readonly string[];
}

/**
 * Finds the tensors of a model in a file by the ends of their names, as detectron2 does with
 * `matching_heuristics`: a name of the model takes the longest of the file that it equals or ends in,
 * whole components only (docs/reference/detection.md, section 15). One of another shape is told and left.
 * @param byEnds false for files whose names must be exact
 * @param path of the file, for messages
 * @throws UserError naming a tensor of the file that two of the model would take
 */
export function matchNames(
  file: Shapes,
  model: Shapes,
  byEnds = true,
  path = 'the file',
): NameMatch {
  const matched = new Map<string, string>();
  const misfits: Misfit[] = [];
  const takers = new Map<string, string>();
  for (const [name, wanted] of model) {
    const found = byEnds ? endsOf(name).find((end) => file.has(end)) : name;
    const shape = file.get(found ?? '');
    if (found === undefined || shape === undefined) continue;
    if (String(shape) !== String(wanted)) {
      misfits.push({ model: name, file: found, wanted, found: shape });
      continue;
    }
    const other = takers.get(found);
    if (other !== undefined)
      throw new UserError(
        `${found} of ${path} could be ${other} and ${name} of the model; give it the whole of one of these names`,
      );
    takers.set(found, name);
    matched.set(name, found);
  }
  const given = new Set([...takers.keys(), ...misfits.map((one) => one.file)]);
  return {
    matched,
    misfits,
    unused: [...file.keys()].filter((name) => !given.has(name)),
    missing: [...model.keys()].filter((name) => !matched.has(name)),
  };
}

/** A name and its ends from each dot on, the longest first. */
function endsOf(name: string): readonly string[] {
  const parts = name.split('.');
  return parts.map((_, i) => parts.slice(i).join('.'));
}

const COUNTER = /\.num_batches_tracked$/;
const SHOWN = 12; // names that a message lists

/**
 * Refuses a match in which a part of the model has not got all its tensors: weights that were meant to
 * arrive, and a training that would begin from others in silence. Counters of batches may be missing.
 * @param parts what must have arrived, by the beginning of its names, e.g. `backbone.`
 * @param file for messages
 * @throws UserError that counts what arrived, and names what did not and what was left over
 */
export function checkArrived(
  { matched, misfits, unused }: NameMatch,
  model: Shapes,
  parts: (name: string) => boolean,
  file: string,
): void {
  const wanted = [...model.keys()].filter((name) => parts(name) && !COUNTER.test(name));
  const lost = wanted.filter((name) => !matched.has(name));
  if (lost.length === 0) return;
  const shapes = misfits
    .filter((one) => lost.includes(one.model))
    .map((one) => `${one.file} is [${one.found}], ${one.model} [${one.wanted}]`);
  const why =
    shapes.length > 0
      ? `shapes differ: ${listed(shapes)}`
      : `the file has no ${listed(lost)}; left over in it: ${listed(unused)}`;
  throw new UserError(
    `${file}: ${wanted.length - lost.length} of the ${wanted.length} tensors of the pre-trained network arrived: ${why}; convert the weights with the convert command, or choose those of this architecture`,
  );
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const more = names.length > SHOWN ? `, … (${names.length})` : '';
  return names.slice(0, SHOWN).join(', ') + more;
}

/**
 * What became of every name, for people.
 * @param file for messages
 * @param beside what the file has besides a model
 */
export function matchText(
  file: string,
  { matched, misfits, unused, missing }: NameMatch,
  beside: readonly string[],
): { readonly said: readonly string[]; readonly warnings: readonly string[] } {
  const fresh = missing.filter((name) => !COUNTER.test(name));
  const line = (words: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${file}: ${words}: ${listed(names)}`];
  return {
    said: [
      `${file}: ${matched.size} of the ${matched.size + missing.length} tensors of the detector taken`,
      ...line('begin fresh', layersOf(fresh)),
      ...line('not used', unused),
      ...line('not needed', beside),
    ],
    warnings: misfits.map(
      ({ model, file: own, wanted, found }) =>
        `${file}: ${own} is [${found}], the detector's ${model} [${wanted}]; it is left, and the detector's begins fresh`,
    ),
  };
}

/** Names without their last part, each once. */
function layersOf(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => name.replace(/\.[^.]+$/, '')))];
}
