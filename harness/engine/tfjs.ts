import { createRequire } from 'node:module';
import type * as TfCore from '@tensorflow/tfjs-core';

const require = createRequire(import.meta.url);

// tfjs-node calls two functions of node:util that Node 22 warns of and Node 24 no longer has.
const shim: Record<string, unknown> = require('node:util');
shim.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
shim.isArray = Array.isArray;

/** tfjs with its gradients; its ops add nodes to the graph that is being traced. */
export const tf = withoutUnused(() => require('@tensorflow/tfjs') as typeof TfCore);

/** tfjs-node asks for all of tfjs; here the parts that are never called are empty (20 MiB, 0.1 s). */
function withoutUnused<T>(load: () => T): T {
  const { resolve } = createRequire(require.resolve('@tensorflow/tfjs'));
  const unused = ['layers', 'converter', 'data', 'backend-cpu', 'backend-webgl'].map((part) =>
    resolve(`@tensorflow/tfjs-${part}`),
  );
  const cached = unused.map((id) => require.cache[id]);
  for (const id of unused) require.cache[id] = { id, loaded: true, exports: {} } as NodeModule;
  try {
    return load();
  } finally {
    unused.forEach((id, i) => {
      require.cache[id] = cached[i];
      if (cached[i] === undefined) delete require.cache[id];
    });
  }
}
