import { availableParallelism } from 'node:os';
import type { SampleFiles, Source } from '../source.ts';
import { addDecoded, isDecoded, keyAt, readDecoded } from './decoded_cache.ts';
import { DecoderProcess } from './decoder_process.ts';

/** Files that the decoder takes at once: some tenths of a second of work. */
const CHUNK = 64;
/** Files after which the cache is written, so that what was done is not lost with the process. */
const KEEP = 20_000;

/** An image that cannot be used. */
export interface Damaged {
  /** Of its source, e.g. `data.train`. */
  readonly use: string;
  readonly index: number;
  /** Names the file, says what is wrong and what to do. */
  readonly message: string;
}

/** Samples of one source, by index. */
interface Some {
  readonly use: string;
  readonly source: Source;
  readonly files: SampleFiles;
  readonly indices: readonly number[];
}

/** The images of some sources that nobody has decoded yet, and what is found when that is done. */
export interface ImageCheck {
  /** Files to decode. */
  readonly count: number;
  /** What is found so far. */
  readonly damaged: readonly Damaged[];
  /**
   * Decodes them; a file whose content is known to decode is not among them.
   * @param onDamage told of each as it is found
   * @returns whether it came to its end
   * @throws Error where there can be no process that decodes; the cache has what was done.
   */
  run(
    onProgress?: (done: number, total: number) => void,
    onDamage?: (damaged: Damaged) => void,
  ): Promise<boolean>;
  /** Ends `run` where it is. */
  dispose(): Promise<void>;
}

/**
 * Finds the image files that have never been decoded: by content, so that a file is decoded once by a
 * user, wherever it lies. No result depends on it.
 * @param sources by use, e.g. `data.train`; those without files are not looked at
 * @param few decodes at once, on all processors, where there are no more files than that; more are decoded by half of
 *   the processors, which they leave to anybody else who wants them
 */
export function imageCheck(
  sources: Readonly<Record<string, Source>>,
  { few }: { readonly few: number },
): ImageCheck {
  const parts = undecoded(sources);
  const count = parts.reduce((sum, { indices }) => sum + indices.length, 0);
  const background = count > few;
  const threads = Math.ceil(availableParallelism() / (background ? 2 : 1));
  const decoder = new DecoderProcess({ threads, background });
  const damaged: Damaged[] = [];
  let ended = false;
  const run: ImageCheck['run'] = async (onProgress = () => {}, onDamage = () => {}) => {
    const good = new Kept();
    let done = 0;
    try {
      for (const some of pieces(parts)) {
        if (ended) return false;
        const found = await damagedOf(decoder, some);
        damaged.push(...found);
        for (const one of found) onDamage(one);
        await good.add(some, found);
        done += some.indices.length;
        onProgress(done, count);
      }
      return true;
    } catch (error) {
      if (!ended) throw error;
      return false;
    } finally {
      await good.write();
      await decoder.dispose();
    }
  };
  const dispose = async () => {
    ended = true;
    await decoder.dispose();
  };
  return { count, damaged, run, dispose };
}

/** What was decoded and is not in the cache yet. */
class Kept {
  private keys: bigint[] = [];

  async add({ files, indices }: Some, damaged: readonly Damaged[]): Promise<void> {
    const wrong = new Set(damaged.map(({ index }) => index));
    for (const index of indices) if (!wrong.has(index)) this.keys.push(keyAt(files.digests, index));
    if (this.keys.length >= KEEP) await this.write();
  }

  async write(): Promise<void> {
    await addDecoded(this.keys);
    this.keys = [];
  }
}

async function damagedOf(decoder: DecoderProcess, some: Some): Promise<Damaged[]> {
  const { use, source, indices } = some;
  const refused = await decoder.refused(indices.map((index) => source.describe(index)));
  return refused.map(({ at, message }) => ({ use, index: indices[at] ?? 0, message }));
}

function* pieces(parts: readonly Some[]): Generator<Some> {
  for (const part of parts)
    for (let first = 0; first < part.indices.length; first += CHUNK)
      yield { ...part, indices: part.indices.slice(first, first + CHUNK) };
}

/** Of sources with the same content only the first is looked at. */
function undecoded(sources: Readonly<Record<string, Source>>): Some[] {
  const known = readDecoded();
  const seen = new Set<string>();
  return Object.entries(sources).flatMap(([use, source]) => {
    const { files, count, manifest } = source;
    if (files === undefined || seen.has(manifest.sha256)) return [];
    seen.add(manifest.sha256);
    const indices: number[] = [];
    const before = new Set<bigint>(); // a joined source may have a file several times
    for (let index = 0; index < count; index++) {
      const key = keyAt(files.digests, index);
      if (isDecoded(known, key) || before.has(key)) continue;
      if (manifest.parts !== undefined) before.add(key);
      indices.push(index);
    }
    return [{ use, source, files, indices }];
  });
}
