import { openObjects } from './objects/open_objects.ts';
import type { OpenOptions, Source } from './source.ts';
import { openCifar } from './sources/cifar.ts';
import { openGenerated } from './sources/generated.ts';
import { openConcat, openRepeat } from './sources/joined.ts';
import { openListed } from './sources/listed.ts';
import { openSubset } from './sources/subset.ts';
import type { SourceSpec } from './spec.ts';

/**
 * Opens what a spec names: finds the files, reads their labels and hashes their content.
 * @throws UserError that names the file or line where something is missing or malformed.
 * @example const source = await openSource(experiment.data.train, { data: 'data' });
 */
export async function openSource(spec: SourceSpec, options: OpenOptions): Promise<Source> {
  switch (spec.kind) {
    case 'generated':
      return openGenerated(spec, options);
    case 'cifar10':
    case 'cifar100':
      return openCifar(spec, options);
    case 'folder':
    case 'list':
    case 'voc':
      return openListed(spec, options);
    case 'vocObjects':
    case 'cocoObjects':
    case 'drawnObjects':
      return openObjects(spec, options);
    case 'concat':
      return openConcat(spec, options, openSource);
    case 'repeat':
      return openRepeat(spec, options, openSource);
    case 'subset':
      return openSubset(spec, options, openSource);
  }
}
