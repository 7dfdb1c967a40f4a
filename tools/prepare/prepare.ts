import { UserError } from '../../harness/base/index.ts';
import { Interrupted } from '../../harness/run/interrupt.ts';
import { prepareCifar } from './cifar.ts';
import { prepareCoco, prepareVoc } from './detection.ts';
import { prepareImagenet } from './imagenet.ts';
import { prepareImagenetSubset } from './imagenet_subset.ts';
import { SETS, type SetName } from './known.ts';
import { preparePlaces205 } from './places205.ts';
import { prepareVoc07 } from './voc07.ts';
import type { Prepared, PrepareOptions, Work } from './work.ts';

/**
 * Makes a data set ready for the benchmarks from what was downloaded: puts it where sources look for
 * it, checks it against what is published, and writes the lists and labels that the original has.
 * Nothing is fetched, what was downloaded is only read, and doing it again changes nothing.
 * @throws UserError for a set that is not known, and for what makes one unusable; Interrupted.
 * @example await prepare('voc07', { from: ['VOCtrainval_06-Nov-2007.tar'], out: 'data', … });
 */
export async function prepare(name: string, options: PrepareOptions): Promise<Prepared> {
  const set = SETS.find((one) => one === name);
  if (set === undefined)
    throw new UserError(`prepare: there is no set ${name}; expected ${SETS.join(', ')}`);
  const work = { ...options, said: [], differences: [] };
  try {
    await prepareSet(set, work);
  } catch (cause) {
    if (!options.signal?.aborted) throw cause;
    throw new Interrupted('stopped; the same command goes on from here', { cause });
  }
  return work;
}

async function prepareSet(set: SetName, work: Work): Promise<void> {
  switch (set) {
    case 'voc07':
      return prepareVoc07(work);
    case 'voc':
      return prepareVoc(work);
    case 'coco':
      return prepareCoco(work);
    case 'imagenet':
      return prepareImagenet(work);
    case 'imagenet_subset':
      return prepareImagenetSubset(work);
    case 'places205':
      return preparePlaces205(work);
    default:
      return prepareCifar(work, set);
  }
}
