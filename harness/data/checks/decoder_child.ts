import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { decodeImage } from '../images/decode.ts';

/** What the process is asked: files to be read and decoded. */
export interface Request {
  readonly paths: readonly string[];
}

/** What it answers: `ready` once, then for each request the files that cannot be used. */
export interface Answer {
  readonly ready?: true;
  readonly refused?: readonly Refused[];
}

export interface Refused {
  /** Place in the request. */
  readonly at: number;
  readonly message: string;
}

const LOWEST = 19; // of the priorities: what is idle anyway

/** Decodes what the parent process asks for, until that is gone. */
export function listen(): void {
  const [threads = '1', priority] = process.argv.slice(2);
  // A signal to the whole group is the parent's to answer: it ends this process when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  // `exit` would wait for a thread that reads a file of a disk which does not answer.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // Before the first image: the threads that decode are made after that and take it over.
  if (priority === 'lowest') setPriority(LOWEST);
  process.on('message', async ({ paths }: Request) => {
    answer({ refused: await refusedOf(paths, Number(threads)) });
  });
  answer({ ready: true });
}

function answer(message: Answer): void {
  // The parent may be gone; `disconnect` comes then.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function refusedOf(paths: readonly string[], threads: number): Promise<Refused[]> {
  const refused: Refused[] = [];
  let next = 0;
  const work = async () => {
    for (;;) {
      const at = next++;
      const path = paths[at];
      if (path === undefined) return;
      const message = await refusal(path);
      if (message !== undefined) refused.push({ at, message });
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  return refused.sort((a, b) => a.at - b.at);
}

async function refusal(path: string): Promise<string | undefined> {
  try {
    await decodeImage(await bytesOf(path), path);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    return `${path} cannot be decoded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}
