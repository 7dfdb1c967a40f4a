import { npyTarget } from './array_targets.ts';
import { cifarTarget, pictureTarget, safetensorsTarget } from './binary_targets.ts';
import { subsetTarget, targetsTarget, tarTarget, vocTarget } from './data_targets.ts';
import { detectorTarget } from './detector_targets.ts';
import { cocoObjectsTarget, vocObjectsTarget } from './object_targets.ts';
import { cocoResultsTarget, vocResultsTarget } from './result_targets.ts';
import type { Target, TargetName } from './target.ts';
import { experimentTarget, goldenTarget, listTarget, recordTarget } from './text_targets.ts';
import { detectronTarget, unpicklerTarget, zipTarget } from './weights_targets.ts';

/** What is fuzzed under a name. */
export async function targetNamed(name: TargetName): Promise<Target> {
  switch (name) {
    case 'safetensors':
      return safetensorsTarget();
    case 'experiment':
      return experimentTarget();
    case 'record':
      return recordTarget();
    case 'golden':
      return goldenTarget();
    case 'list':
      return listTarget();
    case 'voc':
      return vocTarget();
    case 'vocObjects':
      return vocObjectsTarget();
    case 'cocoObjects':
      return cocoObjectsTarget();
    case 'cocoResults':
      return cocoResultsTarget();
    case 'vocResults':
      return vocResultsTarget();
    case 'subset':
      return subsetTarget();
    case 'targets':
      return targetsTarget();
    case 'tar':
      return tarTarget();
    case 'cifar':
      return cifarTarget();
    case 'unpickler':
      return unpicklerTarget();
    case 'zip':
      return zipTarget();
    case 'detectron':
      return detectronTarget();
    case 'detector':
      return detectorTarget();
    case 'npy':
      return npyTarget();
    default:
      return pictureTarget(name);
  }
}
