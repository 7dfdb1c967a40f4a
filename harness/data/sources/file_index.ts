/** Image files in a fixed order: what a folder or a list names, before any file is read. */
export interface FileIndex {
  /** Folder that the names are relative to. */
  readonly root: string;
  /** Relative or absolute paths, with /; bytes that are no UTF-8 as in `file_names.ts`. */
  readonly names: readonly string[];
  readonly labels?: Int32Array;
  /** As of `Source`. */
  readonly marks?: Int8Array;
  readonly classes?: readonly string[];
  readonly notes: readonly string[];
  /** Where a file is named, e.g. `line 3 of train.txt`; absent where its place in folders names it. */
  where?(place: number): string;
}

/** How an index is made. */
export interface IndexOptions {
  /** Data folder. */
  readonly data: string;
  /** Ends the work, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
}
