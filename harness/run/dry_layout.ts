import type { Layout } from '../cluster/layout.ts';
import { itemBytes, sizeOf } from '../engine/array.ts';
import { dtypeOf } from '../engine/native/native.ts';
import { type StepDefinition, trainableNames } from '../step/definition.ts';
import { Learner } from '../step/learner.ts';

/** How a run is to be laid out. */
export interface Wanted {
  readonly processes: number;
  /** Replicas of a process one after another. */
  readonly sequential: boolean;
  /** Speed between processes, in Gbit/s. */
  readonly link: number;
}

/** What a process sends to the others in one micro-step, found in the graph that it would run. */
export interface Traffic {
  readonly bytes: number;
  /** Collectives a micro-step. */
  readonly collectives: number;
  /** Computed: at the speed of the link, with nothing else done meanwhile. */
  readonly seconds: number;
}

/** The part of an experiment that one process computes, as an experiment of its own. */
export function ownShare(definition: StepDefinition, { processes }: Wanted): StepDefinition {
  return { ...definition, replicas: definition.replicas / processes };
}

/**
 * Traces what a process of the layout would run, without running it, and adds up its collectives.
 * An exchange of rows (all-to-all) sends all but a process's own share of them; a gather hands a process's
 * rows to each of the others.
 */
export function trafficOf(definition: StepDefinition, wanted: Wanted): Traffic {
  const { processes, sequential, link } = wanted;
  if (processes === 1) return { bytes: 0, collectives: 0, seconds: 0 };
  const layout: Layout = { replicas: definition.replicas, processes, rank: 0 };
  const { program } = new Learner(definition, { layout, sequential });
  try {
    const { graph } = program;
    const sent = graph.nodes
      .filter(({ name, type }) => type.startsWith('Collective') && name.startsWith('step/'))
      .map(({ type, inputs }) => {
        const [value] = inputs;
        if (value === undefined) return 0;
        const { shape, type: dtype } = graph.meta(value);
        const bytes = sizeOf(shape) * itemBytes(dtypeOf(dtype));
        const others = processes - 1;
        return type === 'CollectiveAllToAllV2' ? (bytes * others) / processes : bytes * others;
      });
    const bytes = sent.reduce((sum, one) => sum + one, 0);
    const perSecond = (link * 1e9) / 8;
    return { bytes, collectives: sent.length, seconds: bytes / perSecond };
  } finally {
    program.dispose();
  }
}

/** What replicas of one process hold beside the work on one of them, in bytes. */
export function besideOne(definition: StepDefinition, sequential: boolean): number {
  const { replicas, batch, size, channels, method, model } = definition;
  if (!sequential || replicas === 1) return 0;
  const names = new Set(trainableNames(model));
  let parameters = 0;
  for (const [network, module] of Object.entries(model.networks))
    for (const [name, { shape }] of module.parameters)
      if (names.has(`${network}.${name}`)) parameters += sizeOf(shape);
  const gradients = Math.ceil(Math.log2(replicas)) * parameters * FLOAT; // of a tree that is not complete yet
  const views = model.cached === undefined ? method.views : 0;
  const pixels = (replicas - 1) * batch * views * size * size * channels;
  return gradients + pixels * (1 + FLOAT); // as they are fed, and normalised
}

const FLOAT = 4;
