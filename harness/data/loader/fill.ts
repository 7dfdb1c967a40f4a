import { UserError } from '../../base/errors.ts';
import { type Stream, stream } from '../../random/stream.ts';
import { Canvas } from '../images/canvas.ts';
import { sizeAfterAll } from '../images/change.ts';
import type { Image } from '../images/image.ts';
import { sampleViews } from '../images/pipeline.ts';
import type { OpenOptions, Source } from '../source.ts';
import type { SourceSpec, ViewSpec } from '../spec.ts';
import { viewCount } from '../view_count.ts';

/** How samples become views; plain data, so that threads can be told. */
export interface FillSetup {
  readonly spec: SourceSpec;
  /** Data folder. */
  readonly data: string;
  readonly seed: number;
  /** What makes the views, one after another. */
  readonly pipelines: readonly ViewSpec[];
  /** Side of the views, in pixels. */
  readonly size: number;
}

/** A module that opens sources: `open_source.ts`, or one of a test. */
export interface SourceModule {
  openSource(spec: SourceSpec, options: OpenOptions): Promise<Source>;
}

/** Bytes of one view. */
export function viewBytes(size: number): number {
  return size * size * 3;
}

/** Makes the views of samples, whichever thread it runs on. */
export class Filler {
  readonly source: Source;
  private readonly setup: FillSetup;
  private readonly canvas = new Canvas();

  constructor(source: Source, setup: FillSetup) {
    this.source = source;
    this.setup = setup;
  }

  /** The image of a sample, at once where its source reads at once. @throws UserError by its name. */
  read(index: number): Image | Promise<Image> {
    const fail = (error: unknown) => {
      throw named(error, this.source, index);
    };
    try {
      const read = this.source.read(index);
      return read instanceof Promise ? read.catch(fail) : read;
    } catch (error) {
      return fail(error);
    }
  }

  /**
   * Writes all views of a sample at place `at` of a batch.
   * @param views one array a view, uint8 [≥ at + 1, size, size, 3]
   * @throws UserError that names the sample.
   */
  make(picture: Image, views: readonly Uint8Array[], at: number, epoch: number, index: number) {
    const { pipelines, seed, size } = this.setup;
    const bytes = viewBytes(size);
    try {
      this.canvas.open(picture);
      let first = 0; // view of the pipeline
      pipelines.forEach((pipeline, p) => {
        const to = views
          .slice(first, first + viewCount([pipeline]))
          .map((view) => view.subarray(at * bytes, (at + 1) * bytes));
        this.views(picture, pipeline, stream(seed, 'augment', epoch, index, p), to);
        first += to.length;
      });
    } catch (error) {
      throw named(error, this.source, index);
    }
  }

  private views(picture: Image, pipeline: ViewSpec, draws: Stream, to: readonly Uint8Array[]) {
    const { size } = this.setup;
    const { changes, patches } = sampleViews(pipeline, draws, picture, size);
    if (patches !== undefined) return this.canvas.patches(changes, patches, to);
    const { width, height } = sizeAfterAll(changes, picture);
    if (width !== size || height !== size)
      throw new UserError(
        `a view is ${width} x ${height} pixels, expected ${size} x ${size}; end its pipeline in a crop to data.size`,
      );
    const [view] = to;
    if (view === undefined) throw new Error('batch: no room for a view');
    this.canvas.view(changes, view);
  }
}

function named(error: unknown, source: Source, index: number): Error {
  const message = error instanceof Error ? error.message : String(error);
  const name = source.describe(index);
  const text = message.includes(name) ? message : `${name}: ${message}`;
  const made = new UserError(text);
  if (error instanceof Error) made.cause = error;
  return made;
}
