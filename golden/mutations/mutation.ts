/** A small change of the code that changes numbers, and must not go unnoticed. */
export interface Mutation {
  /** What is wrong then, in a few words. */
  readonly what: string;
  readonly file: string;
  /** Text that is in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Mutations that one experiment has to notice. */
export interface MutationSet {
  /** A small experiment on embedded data; or, with `benchmark`, a protocol, on drawn images and random weights. */
  readonly experiment: string;
  readonly benchmark?: true;
  /** Cases of `golden/parity` that notice in place of a run; then `experiment` is a name for the table. */
  readonly parity?: readonly string[];
  /** Files of tests that notice in place of a run, by their paths from the root; likewise. */
  readonly tests?: readonly string[];
  /** Settings that shorten it, or that use what the mutations change. */
  readonly set: readonly string[];
  /** Weights that it begins with, by their path from the root. */
  readonly pretrained?: string;
  readonly mutations: readonly Mutation[];
}

/** Makes mutations of one file. */
export function inFile(
  file: string,
  changes: readonly (readonly [what: string, find: string, replace: string])[],
): Mutation[] {
  return changes.map(([what, find, replace]) => ({ what, file, find, replace }));
}

/**
 * Two epochs of two steps, on a narrow network: enough for what happens once a step, once an epoch, and
 * at the end.
 */
export const SHORT: readonly string[] = [
  'epochs=2',
  'data.train.count=128',
  'backbone.width=0.125',
  'evaluation.train.count=64',
  'evaluation.test.count=64',
  'evaluation.batch=64',
  'evaluation.knn.k=5',
  'evaluation.linear.epochs=1',
];
