import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  canonicalJson,
  kindOfPath,
  Sha256,
  sha256,
  sha256File,
  stampFile,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import { type BoundModel, bindMethod, type Methods, parseExperiment } from '../experiment/index.ts';
import { EpochEntry } from '../record/entries.ts';
import { readRecord } from '../record/record.ts';
import { loadRunCheckpoint } from '../record/run_checkpoint.ts';
import { stepDefinition } from '../step/definition.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { openPublished, stampedName } from '../weights/published.ts';
import { encodeSafetensors, hashTensors, type TensorFile } from '../weights/safetensors.ts';
import { detectorWeights } from './detector_weights.ts';

/** `published.json` beside a checkpoint: what was made of it. */
export const Publication = z.strictObject({
  format: z.literal('reprise-published-1'),
  /** Name alone; the folder is the user's choice. */
  file: z.string(),
  sha256: Sha256,
  bytes: z.int().positive(),
  experimentId: Sha256,
  epoch: z.int().nonnegative(),
  /** Of the state that the weights are from, as in the record. */
  stateHash: Sha256,
  /** Of the checkpoint that it was made of, which a benchmark may have judged; old notes lack it. */
  checkpoint: Sha256.optional(),
});
export type Publication = z.infer<typeof Publication>;

export interface PublishOptions {
  /** A checkpoint, or a work directory: its last whole epoch. */
  readonly source: string;
  readonly methods: Methods;
  /** Where the file goes; beside the checkpoint by default. */
  readonly out?: string | undefined;
}

export interface Published extends Publication {
  readonly path: string;
  readonly tensors: number;
}

const Extra = z.looseObject({
  epochs: z.array(EpochEntry).optional(),
  perturbation: z.int().optional(),
});

/**
 * Writes the weights of a checkpoint, without optimiser, queues and other replicas' statistics:
 * every network's parameters and running statistics under the original's names, a detector's under
 * detectron2's, with experiment and chain of the record in the metadata. The name ends in the first 8 digits of the SHA-256 over the
 * file's bytes; the name is not among them, so anyone can check it with `sha256sum`. The file is read
 * again after writing and hashed by two implementations.
 * @throws UserError when the checkpoint is damaged, inside an epoch, or not the one of the record
 *   beside it.
 */
export async function publish({ source, methods, out }: PublishOptions): Promise<Published> {
  const checkpoint = await loadRunCheckpoint(checkpointIn(source));
  const { meta, file } = checkpoint;
  const entry = entryOf(checkpoint);
  const { name, tensors, metadata } =
    detectorWeights(checkpoint) ?? methodWeights(checkpoint, methods);
  const content: TensorFile = {
    tensors,
    metadata: {
      ...metadata,
      experimentId: meta.experimentId,
      epoch: String(meta.epoch),
      stateHash: checkpoint.stateHash,
      chain: entry.chain,
    },
  };
  const { path, hash } = await writeStamped(out ?? dirname(file), name, content);
  const publication = Publication.parse({
    format: 'reprise-published-1',
    sha256: hash,
    bytes: statSync(path).size,
    file: stampedName(name, hash),
    experimentId: meta.experimentId,
    epoch: meta.epoch,
    stateHash: checkpoint.stateHash,
    checkpoint: sha256File(file),
  });
  const note = `${JSON.stringify(publication, null, 2)}\n`;
  await writeAtomic(join(dirname(file), 'published.json'), note);
  return { ...publication, path, tensors: content.tensors.size };
}

/** What is published of a method's checkpoint. */
function methodWeights(checkpoint: LoadedCheckpoint, methods: Methods) {
  const experiment = parseExperiment(checkpoint.meta.experiment, methods);
  const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
  return {
    name: experiment.name,
    tensors: weightsOf(checkpoint, model),
    metadata: {
      format: 'reprise-weights-1',
      experiment: canonicalJson(experiment),
      backbonePrefix: model.backbone,
    },
  };
}

/**
 * Writes a file under `STEM-HASH8.safetensors` and reads it back.
 * @throws when what is on disk is not what was written; the file is removed then.
 */
export async function writeStamped(
  folder: string,
  stem: string,
  content: TensorFile,
): Promise<{ readonly path: string; readonly hash: Sha256 }> {
  const hash = sha256(encodeSafetensors(content));
  const path = join(folder, stampedName(stem, hash));
  await writeAtomic(path, encodeSafetensors(content));
  const [native, script] = [sha256File(path), stampFile(path)];
  const same = native === hash && script === hash;
  if (!same || hashTensors(openPublished(path).tensors) !== hashTensors(content.tensors)) {
    rmSync(path, { force: true });
    throw new UserError(
      `${path} was removed: it read back with SHA-256 ${native} (${script} by crypto-js), ` +
        `expected ${hash}; is the disk sound?`,
    );
  }
  return { path, hash };
}

/** Names of all networks' parameters and running statistics, of followers too. */
function weightNames({ networks, followers }: BoundModel): string[] {
  const leaders = Object.keys(networks).map((name) => [name, name] as const);
  return [...leaders, ...Object.entries(followers)].flatMap(([name, leader]) => {
    const module = networks[leader];
    if (module === undefined) throw new Error(`model: '${name}' follows '${leader}', which is not`);
    return [...module.parameters.keys(), ...module.buffers.keys()].map((key) => `${name}.${key}`);
  });
}

function weightsOf({ file, tensors }: LoadedCheckpoint, model: BoundModel): TensorFile['tensors'] {
  return new Map(
    weightNames(model).map((name) => {
      const value = tensors.get(name);
      if (value === undefined)
        throw new UserError(`${file} has no ${name}; its experiment needs it`);
      return [name, value] as const;
    }),
  );
}

function checkpointIn(source: string): string {
  const kind = kindOfPath(source);
  if (kind === undefined)
    throw new UserError(`${source} is not there; expected a checkpoint or a work directory`);
  if (kind !== 'folder') return source;
  const epochs = readdirSync(source)
    .map((name) => Number(/^epoch_(\d+)\.safetensors$/.exec(name)?.[1]))
    .filter((epoch) => Number.isInteger(epoch));
  if (epochs.length === 0)
    throw new UserError(`${source} has no checkpoint of a whole epoch (epoch_N.safetensors)`);
  return join(source, `epoch_${Math.max(...epochs)}.safetensors`);
}

/** The record's entry of a checkpoint; of the record beside it where there is one. */
function entryOf({ file, meta, stateHash }: LoadedCheckpoint): EpochEntry {
  const { epochs = [], perturbation } = Extra.parse(meta.extra);
  if (perturbation !== undefined)
    throw new UserError(`${file} is of a run with noise on its weights, made to measure a band`);
  if (meta.epochStep !== 0)
    throw new UserError(`${file} is inside epoch ${meta.epoch + 1}; publish a whole epoch`);
  const beside = existsSync(join(dirname(file), 'record.json'));
  const record = beside ? readRecord(dirname(file)) : undefined;
  const entry = (record?.epochs ?? epochs)[meta.epoch];
  if (
    entry?.stateHash !== stateHash ||
    (record?.experimentId ?? meta.experimentId) !== meta.experimentId
  )
    throw new UserError(
      `${file} does not belong to the record ${beside ? 'beside' : 'in'} it: its state is ` +
        `${stateHash}, the record's epoch ${meta.epoch} has ${entry?.stateHash ?? 'none'}`,
    );
  return entry;
}
