import { expect, it } from 'vitest';
import { auditGraph } from './audit.ts';
import type { Pointer } from './capi.ts';
import type { Node } from './graph.ts';

function node(type: string): Node {
  return { name: type, type, oper: 0n as Pointer, origin: new Error(), gradient: false };
}

it('lets listed ops pass and names the first other one, with its line', () => {
  expect(() => auditGraph(['MatMul', 'Relu', 'Conv2D'].map(node), 'cpu')).not.toThrow();
  expect(() => auditGraph(['MatMul', 'RandomUniform', 'Bincount'].map(node), 'cpu')).toThrow(
    /op RandomUniform is not on the list .* for cpu; it was made at .*audit\.test\.ts:\d+/,
  );
});

it('has a list for GPUs of its own', () => {
  expect(() => auditGraph([node('Svd')], 'cpu')).not.toThrow();
  expect(() => auditGraph([node('Svd')], 'gpu')).toThrow(/for gpu \(cuSOLVER promises no bits\)/);
  expect(() => auditGraph(['Conv2D', 'MatMul'].map(node), 'gpu')).not.toThrow();
});
