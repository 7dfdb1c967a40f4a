/** Image files in a fixed order: what a folder or a list names, before any file is read. */
export interface FileIndex {
  /** Folder that the names are relative to. */
  readonly root: string;
  /** Relative paths, with /. */
  readonly names: readonly string[];
  readonly labels?: Int32Array;
  readonly classes?: readonly string[];
  readonly notes: readonly string[];
}
