import type { OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import type { FileIndex } from './file_index.ts';
import { openFiles, openShared } from './files.ts';
import { indexFolder } from './folder.ts';
import { indexList } from './list.ts';
import { indexVoc } from './voc.ts';

type ListedSpec = Extract<SourceSpec, { kind: 'folder' | 'list' | 'voc' }>;

/** A source of image files, found in folders or named by a list. @throws UserError as they do. */
export async function openListed(spec: ListedSpec, options: OpenOptions): Promise<Source> {
  const { shared, manifest } = options;
  if (shared !== undefined && 'ends' in shared && manifest !== undefined)
    return openShared(shared, manifest);
  return openFiles(await indexed(spec, options), options);
}

async function indexed(spec: ListedSpec, options: OpenOptions): Promise<FileIndex> {
  if (spec.kind === 'folder') return indexFolder(spec, options);
  return spec.kind === 'list' ? indexList(spec, options) : indexVoc(spec, options);
}
