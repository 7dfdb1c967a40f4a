import { UserError } from '../../base/errors.ts';
import { coresFor } from '../../cluster/cores.ts';
import type { OpenOptions, Source } from '../source.ts';
import { plainSourcesOf } from '../spec.ts';
import { viewCount } from '../view_count.ts';
import type { FillSetup, SourceModule } from './fill.ts';
import { LocalPool, type Pool } from './pool.ts';
import { ThreadPool } from './thread_pool.ts';

const OPENER = new URL('../open_source.ts', import.meta.url).href;

/** How a source and the threads that read it are opened; no bit depends on it. */
export interface OpenPoolOptions {
  /**
   * Threads. 0 makes batches in the calling thread, while it waits for a step: the default for small
   * images from memory, which take less time than threads to start. Else by default one, and others,
   * up to one a core, once batches come late.
   */
  readonly workers?: number | undefined;
  /** Processes of the run that share the cores of this machine: by default each uses its part of them. */
  readonly processesHere?: number | undefined;
  /** Told how many of the source's files are hashed. */
  readonly onProgress?: OpenOptions['onProgress'] | undefined;
  /** Ends the opening, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
  /** URL of a module whose `openSource` is used instead of the harness's; for tests. */
  readonly opener?: string | undefined;
}

export type OpenSetup = FillSetup & OpenPoolOptions;

export async function openedSource(setup: OpenSetup): Promise<Source> {
  const { opener = OPENER, spec, data, onProgress, signal } = setup;
  const { openSource } = (await import(opener)) as SourceModule;
  return openSource(spec, { data, signal, ...(onProgress === undefined ? {} : { onProgress }) });
}

const LIGHT = 2 ** 19; // pixels of a batch that take some milliseconds

/** The most threads where no number is asked for. No bit of a batch depends on it. */
function defaultWorkers(setup: OpenSetup, samples: number): number {
  const { spec, pipelines, size, processesHere } = setup;
  const small = plainSourcesOf(spec).every((source) =>
    source.kind === 'generated' ? source.size <= 64 : source.kind.startsWith('cifar'),
  );
  const light = samples * viewCount(pipelines) * size * size <= LIGHT;
  return small && light ? 0 : coresFor(processesHere);
}

/** @param samples of a batch, at most */
export function openPool(setup: OpenSetup, source: Source, samples: number): Promise<Pool> | Pool {
  const { spec, data, seed, pipelines, size, opener = OPENER } = setup;
  const { workers = defaultWorkers(setup, samples) } = setup;
  const fill = { spec, data, seed, pipelines, size };
  if (!Number.isSafeInteger(workers) || workers < 0)
    throw new UserError(`loader: workers: expected a whole number from 0, found ${workers}`);
  if (workers === 0) return new LocalPool(source, fill);
  const count = { first: setup.workers ?? 1, most: workers };
  const { manifest } = source;
  return ThreadPool.open(count, { setup: fill, opener, manifest, shared: source.share?.() });
}
