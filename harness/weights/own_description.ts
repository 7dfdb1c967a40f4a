import { z } from 'zod';
import { type ResNetSpec, resnetSpec } from '../nn/resnet.ts';
import type { Architecture } from './architecture.ts';
import type { Weights } from './published.ts';

/** What a file of ours says of the weights in it; nothing for other systems' files. */
export interface OwnDescription {
  readonly spec?: Architecture | undefined;
  readonly prefix?: { readonly prefix: string; readonly by: string } | undefined;
  /** Whether a tensor is of the run's state and no network: momentum, statistics of other replicas. */
  readonly beside: (name: string) => boolean;
  /** Whether the file is of ours, so that all of it is known. */
  readonly known: boolean;
}

const Described = z.looseObject({ backbone: z.unknown() });
const Checkpoint = z.looseObject({ experiment: Described });
const STATE = /^(?:optimizer|replica\d+)\./;

/** Reads the metadata of a published file, an extracted backbone or a checkpoint. */
export function ownDescription({ metadata }: Weights): OwnDescription {
  const { format = '', backbonePrefix, experiment, meta } = metadata;
  if (!format.startsWith('reprise-')) return { beside: () => false, known: false };
  const isCheckpoint = format.startsWith('reprise-checkpoint');
  const described = isCheckpoint
    ? Checkpoint.safeParse(parsed(meta)).data?.experiment
    : Described.safeParse(parsed(experiment)).data;
  return {
    spec: evaluatedOf(described?.backbone),
    prefix: prefixOf(format, backbonePrefix),
    known: true,
    beside: isCheckpoint ? (name) => STATE.test(name) : () => false,
  };
}

function prefixOf(format: string, backbonePrefix: string | undefined) {
  if (backbonePrefix !== undefined)
    return { prefix: backbonePrefix, by: "the file's own backbonePrefix" };
  if (format === 'reprise-backbone-1')
    return { prefix: '', by: "the file's own format, a backbone alone" };
  return undefined;
}

/** The network of an experiment without what only training sees. A spec of another version is left to the tensors. */
function evaluatedOf(backbone: unknown): Architecture | undefined {
  const read = resnetSpec.safeParse(backbone);
  if (!read.success) return undefined;
  const { depth, width, stem, channels, norm, normGroups, normEpsilon, normAffine } = read.data;
  const { stages, strides, dilations, strideIn, groups, groupWidth } = read.data;
  const optional = {
    ...{ normGroups, normEpsilon, normAffine, stages, strides, dilations, strideIn },
    ...{ groups, groupWidth },
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  const spec: ResNetSpec = resnetSpec.parse({
    ...{ depth, width, stem, channels, norm: norm === 'sync' ? 'batch' : norm },
    ...Object.fromEntries(given),
  });
  return { spec, assumed: [] };
}

function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
