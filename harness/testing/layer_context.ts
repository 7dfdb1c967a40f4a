import type { Tensor } from '../engine/tf.ts';
import type { LayerContext } from '../nn/module.ts';

/** A context of one replica whose layers have no buffers and draw nothing, unless given. */
export function layerContext(given: Partial<LayerContext> = {}): LayerContext {
  const refuse = (name: string): Tensor => {
    throw new Error(`layer: '${name}' was not expected`);
  };
  const context: LayerContext = {
    train: true,
    replicas: 1,
    buffer: refuse,
    update: refuse,
    chance: refuse,
    meeting: (name) => ({ total: () => refuse(name), scaled: () => refuse(name) }),
    scope: () => context,
    ...given,
  };
  return context;
}
