import { fileKindAt } from '../base/index.ts';
import { readDetectron } from './detectron.ts';
import { readSafetensors, readSafetensorsHeader, type TensorFile } from './safetensors.ts';
import { readTorchFile } from './torch/torch_file.ts';

/**
 * The tensors of a file of weights, told by its content: safetensors, what `torch.save` writes, or a pickle for
 * detectron2, whose names become a ResNet's. Only safetensors have metadata; nested tables are joined by dots
 * (`state_dict.module.conv1.weight`).
 * @param wanted reads only the tensors whose name passes
 * @throws UserError naming the file, and what it is where it is neither
 */
export function readWeightsFile(path: string, wanted?: (name: string) => boolean): TensorFile {
  switch (formOf(path)) {
    case 'torch':
      return { tensors: readTorchFile(path, wanted), metadata: {} };
    case 'detectron': {
      const tensors = [...readDetectron(path)].filter(([name]) => wanted?.(name) ?? true);
      return { tensors: new Map(tensors), metadata: {} };
    }
    default:
      return readSafetensors(path, wanted);
  }
}

/** The free-form text of a file of weights, without its tensors. Throws as `readWeightsFile`, where that is quickly told. */
export function readWeightsMetadata(path: string): TensorFile['metadata'] {
  return formOf(path) === undefined ? readSafetensorsHeader(path).metadata : {};
}

/** What a file of weights is that is no safetensors file. */
function formOf(path: string): 'torch' | 'detectron' | undefined {
  const kind = fileKindAt(path)?.kind;
  if (kind === 'torch' || kind === 'torch-legacy') return 'torch';
  return kind === 'pickle' ? 'detectron' : undefined;
}
