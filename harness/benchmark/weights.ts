import { basename } from 'node:path';
import { z } from 'zod';
import { type Sha256, sha256Json } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import { toOIHW } from '../engine/layout.ts';
import { initialValue } from '../nn/initialise.ts';
import { type ResNetSpec, resnet } from '../nn/resnet.ts';
import { stream } from '../random/stream.ts';
import { perturbedValues } from '../step/initial_weights.ts';
import { recogniseBackbone } from '../weights/recognise.ts';
import { readWeightsMetadata } from '../weights/weights_file.ts';
import { weightsFileOf } from '../weights/weights_path.ts';
import type { Target } from './definition.ts';

/** A run that weights were made by, where their file says so. */
export interface Origin {
  readonly name: string;
  readonly experimentId: Sha256;
}

/** Weights that are about to be judged. */
export interface OpenedWeights {
  readonly file: string;
  readonly sha256: Sha256;
  readonly prefix: string;
  readonly backbone: ResNetSpec;
  readonly sobel: boolean;
  /** As the file's own experiment has it. */
  readonly mean?: Target['mean'] | undefined;
  readonly std?: Target['std'] | undefined;
  /** By the backbone's own names, in the layout of files. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly origin?: Origin | undefined;
  /** For people. */
  readonly said: readonly string[];
}

const Channels = z.tuple([z.number(), z.number(), z.number()]).readonly();
const Described = z.looseObject({
  name: z.string(),
  data: z.looseObject({ mean: Channels, std: Channels }),
});

/**
 * Opens whatever holds the weights of a ResNet: a work directory or its record, a checkpoint, a published file or
 * extracted backbone, another system's safetensors, a PyTorch file.
 * @param epoch of a work directory; the newest by default
 * @throws UserError as `recogniseBackbone`
 */
export async function openTarget(
  path: string,
  { epoch, prefix }: { readonly epoch?: number | undefined; readonly prefix?: string | undefined },
): Promise<OpenedWeights> {
  const file = weightsFileOf(path, epoch);
  const found = await recogniseBackbone(file, { prefix });
  const described = describedIn(file);
  return {
    file,
    sha256: found.sha256,
    prefix: found.prefix,
    backbone: found.spec,
    sobel: found.spec.channels === 2,
    mean: described?.data.mean,
    std: described?.data.std,
    tensors: found.tensors,
    origin: described && { name: described.name, experimentId: sha256Json(described) },
    said: found.said,
  };
}

/** The experiment that a file of ours was made by; of another version, what of it can be read. */
function describedIn(file: string): z.infer<typeof Described> | undefined {
  const { format = '', meta, experiment } = readWeightsMetadata(file);
  if (!format.startsWith('reprise-')) return undefined;
  const json = format.startsWith('reprise-checkpoint') ? meta : experiment;
  if (json === undefined) return undefined;
  const value: unknown = JSON.parse(json);
  const inner = json === meta ? Object(value).experiment : value;
  return Described.safeParse(inner).data;
}

/** Fresh weights of a backbone alone: each tensor is drawn from a stream of its own name. */
export function randomWeights(spec: ResNetSpec, seed: number): Map<string, HostArray> {
  const { parameters, buffers } = resnet(spec).module;
  return new Map(
    [...parameters, ...buffers].map(([name, parameter]) => {
      const value = initialValue(parameter, stream(seed, 'init', name));
      return [name, value.shape.length === 4 ? toOIHW(value) : value];
    }),
  );
}

/** The weights with each float moved to the next one, to measure a golden's band. */
export function perturbedWeights(
  tensors: ReadonlyMap<string, HostArray>,
  spec: ResNetSpec,
  perturbation: number,
): Map<string, HostArray> {
  const { parameters } = resnet(spec).module;
  return new Map([...tensors, ...perturbedValues(tensors, parameters, perturbation)]);
}

/** How weights are called in names of folders: the file's name without its ending. */
export function labelOf({ file }: Pick<OpenedWeights, 'file'>): string {
  const name = basename(file).replace(/\.(safetensors|pth\.tar|pth|pt|pkl)$/, '');
  return name.toLowerCase().replace(/[^a-z0-9_.-]+/g, '_');
}
