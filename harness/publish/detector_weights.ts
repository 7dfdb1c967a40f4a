import { z } from 'zod';
import { canonicalJson } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { detectorIn } from '../weights/detector_tensors.ts';
import type { TensorFile } from '../weights/safetensors.ts';

/** Of a published detector, whose tensors have detectron2's names. */
const FORMAT = 'reprise-detector-1';

const Named = z.looseObject({ name: z.string().min(1) });
const Stepped = z.looseObject({ step: z.coerce.number().int().nonnegative() });

/** What is published of a detector's checkpoint. */
export interface DetectorWeights {
  /** Of its experiment, for the file's name. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly metadata: TensorFile['metadata'];
}

/**
 * The detector of a checkpoint, without momentum and other replicas' statistics; undefined where it has none. Which
 * method trained it needs not be known: detectron2's names are its own.
 */
export function detectorWeights({ tensors, meta }: LoadedCheckpoint): DetectorWeights | undefined {
  const detector = detectorIn(tensors);
  if (detector === undefined) return undefined;
  return {
    name: Named.safeParse(meta.experiment).data?.name ?? 'detector',
    tensors: detector.tensors,
    metadata: {
      format: FORMAT,
      experiment: canonicalJson(meta.experiment),
      step: String(meta.step),
    },
  };
}

/**
 * The last iteration of a detector's training as detectron2 counts them, from 0: of a checkpoint of ours, or of what was
 * published of it. Undefined for other files, and before the first one.
 */
export function lastIteration({ metadata }: Pick<TensorFile, 'metadata'>): number | undefined {
  const { format = '', meta } = metadata;
  if (format !== FORMAT && !format.startsWith('reprise-checkpoint')) return undefined;
  const step = Stepped.safeParse(format === FORMAT ? metadata : JSON.parse(meta ?? '{}')).data
    ?.step;
  return step === undefined || step === 0 ? undefined : step - 1;
}
