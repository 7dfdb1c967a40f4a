import { fileKindAt } from '../base/index.ts';
import { readSafetensors, readSafetensorsHeader, type TensorFile } from './safetensors.ts';
import { readTorchFile } from './torch/torch_file.ts';

/**
 * The tensors of a file of weights, told by its content: safetensors, or what `torch.save` writes. A PyTorch file has no
 * metadata; nested tables are joined by dots (`state_dict.module.conv1.weight`).
 * @param wanted reads only the tensors whose name passes
 * @throws UserError naming the file, and what it is where it is neither
 */
export function readWeightsFile(path: string, wanted?: (name: string) => boolean): TensorFile {
  if (isTorch(path)) return { tensors: readTorchFile(path, wanted), metadata: {} };
  return readSafetensors(path, wanted);
}

/** The free-form text of a file of weights, without its tensors. Throws as `readWeightsFile`, where that is quickly told. */
export function readWeightsMetadata(path: string): TensorFile['metadata'] {
  return isTorch(path) ? {} : readSafetensorsHeader(path).metadata;
}

function isTorch(path: string): boolean {
  const kind = fileKindAt(path)?.kind;
  return kind === 'torch' || kind === 'torch-legacy';
}
