import { UserError } from '../base/index.ts';
import { isObjectSource } from '../data/objects/objects.ts';
import type { Source } from '../data/source.ts';
import { viewCount } from '../data/view_count.ts';
import type { BoundMethod, DataShape, MethodDefinition } from './method.ts';
import type { Experiment } from './spec.ts';

/** Operations that give the same view each time. */
const STILL: ReadonlySet<string> = new Set(['resize', 'centerCrop']);

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
  if ((bound.objects === undefined) !== (data.objects === undefined))
    throw new UserError(
      bound.objects === undefined
        ? `experiment ${name}: data.objects: expected none: ${bound.kind} learns from views of images`
        : `experiment ${name}: data.objects: expected it: ${bound.kind} looks for objects in pictures`,
    );
  const count = viewCount(data.pipelines);
  if (count !== bound.views)
    throw new UserError(
      `experiment ${name}: data.pipelines: found ${count}, expected ${bound.views}: ` +
        `${bound.kind} takes ${bound.views} views of each image; a pipeline makes one, or with ` +
        'patches at its end grid x grid',
    );
  const { channels } = experiment.backbone;
  if (channels !== bound.channels)
    throw new UserError(
      `experiment ${name}: backbone.channels: found ${channels}, expected ${bound.channels}: ` +
        `what ${bound.kind} gives the backbone has ${bound.channels} channels`,
    );
  const { frozenStages, stages = 4 } = experiment.backbone;
  if (bound.frozenBackbone && frozenStages < stages)
    throw new UserError(
      `experiment ${name}: backbone.frozenStages: found ${frozenStages}, expected ${stages}: ${bound.kind} learns on a ` +
        'backbone that stays as it is',
    );
  const moving = bound.cached ? data.pipelines[0]?.find(({ kind }) => !STILL.has(kind)) : undefined;
  if (moving !== undefined)
    throw new UserError(
      `experiment ${name}: data.pipelines[0]: found ${moving.kind}, expected resize and centerCrop alone: ` +
        'method.cache has each image computed once; leave cache out for views that are drawn anew',
    );
  bound.check({ replicas, batch, dropLast: data.dropLast });
  return bound;
}

/** What an open source decides. */
export function dataShape(source: Source): DataShape {
  const { count, classes, labels } = source;
  if (isObjectSource(source)) return { samples: count, classes: source.classes.length };
  if (labels === undefined) return { samples: count, classes: undefined };
  const highest = labels.reduce((most, label) => Math.max(most, label), -1);
  return { samples: count, classes: classes?.length ?? highest + 1 };
}

/**
 * Refuses what the open data do not allow, by spec path. @throws UserError
 */
export function checkShape(experiment: Experiment, method: BoundMethod, shape: DataShape): void {
  const { name, replicas, batch, data } = experiment;
  if (method.labels && shape.classes === undefined)
    throw new UserError(
      `experiment ${name}: data.train: it has no labels, but ${method.kind} learns from labels; ` +
        'use a labelled source (list: labelled: true)',
    );
  method.checkData(shape, { replicas, batch, dropLast: data.dropLast });
}
