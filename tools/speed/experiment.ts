import { relative, resolve } from 'node:path';
import { type Experiment, parseExperiment } from '../../harness/experiment/index.ts';
import { methods } from '../../methods/index.ts';
import { crop, type TimedStep } from '../../methods/settings.ts';
import type { Shape } from './shape.ts';
import { numbersOf } from './timed_steps.ts';

/**
 * The experiment whose step is timed: plain SGD for every method, as PyTorch's side has it.
 * @param replicas each with a batch of the shape's
 * @param list JPEG paths, one a line; without it the step takes noise
 */
export function timedExperiment(
  step: TimedStep,
  shape: Shape,
  list?: string,
  replicas = 1,
): Experiment {
  const { depth, size, batch, precision, lanes, numerics } = shape;
  const method = methodOf(step, shape);
  const { views, channels } = boundMethod(method);
  const count = { kind: 'generated', count: batch, size };
  const value = {
    name: 'perf',
    method,
    backbone: { depth, channels, stem: shape['small-stem'] ? 'cifar' : 'imagenet' },
    data: {
      train: list ? { kind: 'list', root: '.', file: relative('/', resolve(list)) } : count,
      pipelines: step.pipelines?.(size) ?? Array.from({ length: views }, () => [crop]),
      size,
      dropLast: true,
    },
    batch,
    replicas,
    precision,
    lanes,
    numerics,
    epochs: 1,
    optimizer: { kind: 'sgd', lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 },
    schedule: { kind: 'constant' },
  };
  return parseExperiment(value, methods);
}

function methodOf(step: TimedStep, { depth, size, queue }: Shape): Experiment['method'] {
  const hidden = depth < 50 ? 512 : 2048; // as wide as the backbone's features
  const spec = step.spec?.({ ...numbersOf(step, size), hidden, queue });
  return { kind: step.kind, ...Object(spec) };
}

function boundMethod(method: Experiment['method']) {
  const definition = methods[method.kind];
  if (definition === undefined) throw new Error(`speed: there is no method ${method.kind}`);
  return definition.bind(method);
}
