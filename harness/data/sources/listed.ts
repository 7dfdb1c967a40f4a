import type { OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import { openFiles } from './files.ts';
import { indexFolder } from './folder.ts';
import { indexList } from './list.ts';

type ListedSpec = Extract<SourceSpec, { kind: 'folder' | 'list' }>;

/** A source of image files, found in folders or named by a list. @throws UserError as they do. */
export function openListed(spec: ListedSpec, options: OpenOptions): Promise<Source> {
  const { data } = options;
  return openFiles(
    spec.kind === 'folder' ? indexFolder(spec.root, data) : indexList(spec, data),
    options,
  );
}
