import { UserError } from '../errors.ts';
import { resnet } from '../nn/resnet.ts';
import { resolveRules } from '../optim/rules.ts';
import type { BoundMethod, MethodDefinition } from './method.ts';
import type { Experiment } from './spec.ts';
import { type StepDefinition, trainableNames } from './step.ts';

/** Methods by `kind`. */
export type Methods = Readonly<Record<string, MethodDefinition>>;

/**
 * The method of an experiment with its spec filled in.
 * @throws UserError where method and run do not fit, before anything else is done.
 */
export function bindMethod(experiment: Experiment, methods: Methods): BoundMethod {
  const { method, replicas, batch, data, name } = experiment;
  const definition = Object.hasOwn(methods, method.kind) ? methods[method.kind] : undefined;
  if (definition === undefined)
    throw new UserError(`experiment ${name}: method.kind: there is no method "${method.kind}"`);
  const bound = definition.bind(method);
  const count = data.pipelines.length;
  if (count !== bound.views)
    throw new UserError(
      `experiment ${name}: data.pipelines: found ${count}, expected ${bound.views}: ` +
        `${bound.kind} takes ${bound.views} views of each image, one pipeline a view`,
    );
  bound.check({ replicas, batch, dropLast: data.dropLast });
  return bound;
}

/** Everything that an experiment says about its training step. Builds the networks, runs nothing. */
export function stepDefinition(experiment: Experiment, method: BoundMethod): StepDefinition {
  const { backbone, replicas, batch, data, accumulate, precision, optimizer } = experiment;
  const model = method.model(resnet(backbone));
  return {
    ...{ method, model, replicas, batch, accumulate, precision, optimizer },
    size: data.size,
    channels: backbone.channels,
    normalise: { mean: data.mean, std: data.std },
    rules: resolveRules(optimizer, trainableNames(model)),
  };
}
