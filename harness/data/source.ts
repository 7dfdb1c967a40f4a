import type { Image } from './images/image.ts';
import type { Shared } from './sources/shared_files.ts';

/** What a source is, byte by byte: equal hashes mean equal images, labels and order. */
export interface Manifest {
  /** SHA-256 over the content of every sample, in order, with its label. */
  readonly sha256: string;
  readonly count: number;
  /**
   * What a user should be warned of: what was left out, by reason, or that a file holds fewer records
   * than the official one. `sourceWarnings` has them as messages.
   */
  readonly notes: readonly string[];
  /** Manifests of the sources that it is made of, where it is made of sources. */
  readonly parts?: readonly Manifest[];
}

/** The files of a source in which every sample is a file of its own. */
export interface SampleFiles {
  /** SHA-256 of each sample's file, 32 bytes a sample, in order. */
  readonly digests: Uint8Array;
  /** How a sample's file is called in the source, wherever that lies: a path with /. */
  name(index: number): string;
  /** SHA-256 that the manifest would have if the files had these digests. */
  manifestOf(digests: Uint8Array): string;
}

/** Images by index. An index always names the same sample, in whatever order samples are read. */
export interface Source {
  readonly count: number;
  /** Samples that are not another one repeated, where some are: `repeat`. */
  readonly distinct?: number;
  /** Class of each sample; absent where there are none. */
  readonly labels?: Int32Array;
  /**
   * Instead of `labels` where an image may have several classes: int8 [count, classes], row after row,
   * 1 where the class is there, 0 where it is not, -1 where it is too difficult to tell or unknown.
   */
  readonly marks?: Int8Array;
  /**
   * Names of the classes, by label; absent where labels are numbers alone, never with `marks`. Labels of two sources mean
   * the same only where `sameClasses` has compared them.
   */
  readonly classes?: readonly string[];
  /** Why there are no labels, where what it is made of has some. */
  readonly unlabelled?: string;
  readonly manifest: Manifest;
  /** Absent where a sample is no file of its own, and where no file was hashed. */
  readonly files?: SampleFiles;
  /** How people find a sample: a path, or file and record. */
  describe(index: number): string;
  /** Where a list names it: file and line. */
  where?(index: number): string;
  /**
   * The file that holds it and nothing else, as it is; undefined where there is none. Throws as `read`.
   */
  bytes?(index: number): Uint8Array | undefined;
  /** What spares another thread the search for the files: `OpenOptions.shared`. */
  share?(): Shared;
  /**
   * A decoded sample. The pixels may be shared memory: they must not be written to.
   * @throws UserError that names the file where it cannot be read or decoded.
   */
  read(index: number): Image | Promise<Image>;
}

export interface OpenOptions {
  /**
   * Data folder of the run; paths of a spec are relative to it. No result depends on where it lies.
   */
  readonly data: string;
  /** Manifest of the same source, opened before: nothing is hashed then. For worker threads. */
  readonly manifest?: Manifest;
  /** What `Source.share` gave, of the same source; with `manifest`. It has no labels then. */
  readonly shared?: Shared | undefined;
  /** Ends the opening, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
  /** Reads every file, also those that seem unchanged since they were hashed. */
  readonly verify?: boolean;
  /** Told how many of the files to be hashed are done: that of ImageNet takes minutes. */
  readonly onProgress?: (done: number, total: number) => void;
}
