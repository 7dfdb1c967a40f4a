import { describe, expect, it } from 'vitest';
import type { Pointer } from '../native/capi.ts';
import { auditGraph } from './audit.ts';
import {
  COLLECTIVES,
  DETERMINISTIC_ON_GPU,
  NO_COLLECTIVES,
  NOT_ON_GPU,
  ON_CPU,
} from './audit_gpu.ts';
import type { Node } from './graph.ts';

function node(type: string): Node {
  return {
    name: type,
    type,
    op: type,
    oper: 0n as Pointer,
    origin: new Error(),
    gradient: false,
    part: undefined,
    inputs: [],
    attrs: {},
  };
}

it('lets listed ops pass and names the first other one, with its line', () => {
  expect(() => auditGraph(['MatMul', 'Relu', 'Conv2D'].map(node), 'cpu')).not.toThrow();
  expect(() => auditGraph(['MatMul', 'RandomUniform', 'Bincount'].map(node), 'cpu')).toThrow(
    /op RandomUniform is not on the list .* for cpu; it was made at .*audit\.test\.ts:\d+/,
  );
});

it('looks into what is fused, where sums have no place', () => {
  const fused = (...types: string[]) => [{ ...node('some_loop'), parts: types.map(node) }];
  expect(() => auditGraph(fused('Placeholder', 'Add', 'Relu'), 'cpu')).not.toThrow();
  expect(() => auditGraph(fused('Add', 'Sum'), 'cpu')).toThrow(
    /op Sum is not on the list of deterministic ops for cpu, fused; it was made at .*audit\.test\.ts:\d+/,
  );
});

describe.each(['cpu', 'gpu'] as const)('between processes, on %s', (device) => {
  it('values may move', () => {
    expect(() => auditGraph(Object.keys(COLLECTIVES).map(node), device)).not.toThrow();
  });

  it.each(Object.keys(NO_COLLECTIVES))('nothing may be added by %s', (type) => {
    expect(() => auditGraph([node(type)], device)).toThrow(
      new RegExp(
        `op ${type} is not on the list .* for ${device} \\(.*CollectiveReduceV2|adds in an order`,
      ),
    );
  });
});

describe('on a GPU', () => {
  it('has a list of its own, with reasons', () => {
    const fused = [node('SparseSoftmaxCrossEntropyWithLogits')];
    expect(() => auditGraph(fused, 'cpu')).not.toThrow();
    expect(() => auditGraph(fused, 'gpu')).toThrow(/for gpu \(its kernel refuses to run/);
    expect(() => auditGraph(['Conv2D', 'MatMul'].map(node), 'gpu')).not.toThrow();
  });

  /** NVIDIA's framework-reproducibility, doc/d9m/tensorflow_status.md: rows without a solution. */
  const UNSOLVED = `ResizeNearestNeighborGrad AdjustContrastv2 CropAndResize CropAndResizeGradImage
    CropAndResizeGradBoxes Bincount DenseBincount DebugNumericSummaryV2 SparseTensorDenseMatMul`;

  it.each(UNSOLVED.split(/\s+/))('refuses %s, which has no deterministic kernel', (type) => {
    expect(() => auditGraph([node(type)], 'gpu')).toThrow(`op ${type} is not on the list`);
  });

  it('lets pass what is computed on the CPU beside it', () => {
    expect(() => auditGraph(Object.keys(ON_CPU).map(node), 'gpu')).not.toThrow();
    expect(() => auditGraph(Object.keys(ON_CPU).map(node), 'cpu')).not.toThrow();
  });

  it('holds no op both good and bad', () => {
    for (const type of Object.keys(NOT_ON_GPU)) expect(DETERMINISTIC_ON_GPU).not.toContain(type);
  });
});
