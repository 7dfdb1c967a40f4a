import { UserError } from '../../harness/base/index.ts';
import { prepareCifar } from './cifar.ts';
import { prepareImagenet } from './imagenet.ts';
import { prepareImagenetSubset } from './imagenet_subset.ts';
import { SETS } from './known.ts';
import { preparePlaces205 } from './places205.ts';
import { prepareVoc07 } from './voc07.ts';
import type { Prepared, PrepareOptions } from './work.ts';

/**
 * Makes a data set ready for the benchmarks from what was downloaded: puts it where sources look for
 * it, checks it against what is published, and writes the lists and labels that the original has.
 * Nothing is fetched, what was downloaded is only read, and doing it again changes nothing.
 * @throws UserError for a set that is not known, and for what makes one unusable.
 * @example await prepare('voc07', { from: ['VOCtrainval_06-Nov-2007.tar'], out: 'data', … });
 */
export async function prepare(name: string, options: PrepareOptions): Promise<Prepared> {
  const set = SETS.find((one) => one === name);
  const work = { ...options, said: [], differences: [] };
  switch (set) {
    case undefined:
      throw new UserError(`prepare: there is no set ${name}; expected ${SETS.join(', ')}`);
    case 'voc07':
      await prepareVoc07(work);
      break;
    case 'imagenet':
      await prepareImagenet(work);
      break;
    case 'imagenet_subset':
      await prepareImagenetSubset(work);
      break;
    case 'places205':
      await preparePlaces205(work);
      break;
    default:
      await prepareCifar(work, set);
  }
  return work;
}
