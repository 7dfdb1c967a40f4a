import type { OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import { openFiles, openShared } from './files.ts';
import { indexFolder } from './folder.ts';
import { indexList } from './list.ts';

type ListedSpec = Extract<SourceSpec, { kind: 'folder' | 'list' }>;

/** A source of image files, found in folders or named by a list. @throws UserError as they do. */
export async function openListed(spec: ListedSpec, options: OpenOptions): Promise<Source> {
  const { shared, manifest } = options;
  if (shared !== undefined && 'ends' in shared && manifest !== undefined)
    return openShared(shared, manifest);
  const index = spec.kind === 'folder' ? indexFolder(spec, options) : indexList(spec, options);
  return openFiles(await index, options);
}
