import type { Io } from '../../harness/engine/program.ts';
import type { Tensor } from '../../harness/engine/tf.ts';
import {
  type LayerContext,
  type Module,
  type ParameterSpec,
  type Params,
  scoped,
} from '../../harness/nn/module.ts';
import type { Forward } from './rpn.ts';

/** The networks of a detector under their full names. */
export type Networks = Readonly<Record<string, Module>>;

/** Every parameter and buffer of all networks by its full name. */
export function entriesOf(
  networks: Networks,
  kind: 'parameters' | 'buffers',
): ReadonlyMap<string, ParameterSpec> {
  return new Map(
    Object.entries(networks).flatMap(([network, module]) =>
      [...module[kind]].map(([name, spec]) => [`${network}.${name}`, spec] as const),
    ),
  );
}

/** Networks as one replica alone runs them. */
export interface Bound {
  readonly forward: Forward;
  /** Buffers that were moved, to be assigned at the end of the entry. */
  readonly updates: ReadonlyMap<string, Tensor>;
}

/** @param params all parameters by full name */
export function bindNetworks(networks: Networks, params: Params, io: Io, train: boolean): Bound {
  const updates = new Map<string, Tensor>();
  const alone = (what: string) => (): never => {
    throw new Error(`detection: ${what}, but this is one replica alone`);
  };
  const context = (prefix: string): LayerContext => ({
    train,
    replicas: 1,
    buffer: (name) => updates.get(prefix + name) ?? io.read(prefix + name),
    update: (name, value) => updates.set(prefix + name, value),
    chance: alone('a layer draws'),
    meeting: alone('replicas meet'),
    scope: (more) => context(prefix + more),
  });
  return {
    updates,
    forward: (network, x) => {
      const module = networks[network];
      if (module === undefined) throw new Error(`detection: there is no network ${network}`);
      return module.apply(scoped(params, `${network}.`), x, context(`${network}.`));
    },
  };
}
