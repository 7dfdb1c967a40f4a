import type { EntryDefinition, Io } from './program.ts';
import type { Tensor } from './tf.ts';

/**
 * An entry of a program as a value that follows from a spec: what defines it and what runs it share
 * this one constant, and nothing looks it up by a name written somewhere else.
 */
export interface StateEntry<Spec> {
  /** For graphs, profiles and messages. */
  readonly name: string;
  readonly define: (spec: Spec) => EntryDefinition;
}

/**
 * One that has no inputs: a function of the state alone.
 * @example const clear = onState('clear', (io) => { io.assign('count', tf.scalar(0)); return {}; });
 */
export function onState<Spec>(
  name: string,
  build: (io: Io, spec: Spec) => Readonly<Record<string, Tensor>>,
): StateEntry<Spec> {
  return { name, define: (spec) => ({ inputs: {}, build: (io) => build(io, spec) }) };
}
