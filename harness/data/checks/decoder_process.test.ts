import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DecoderProcess } from './decoder_process.ts';

const jpeg = fileURLToPath(new URL('../../../golden/data/images/jpeg444', import.meta.url));

/** Processes of the decoder whose parent is this one. */
function children(): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  return stdout
    .split('\n')
    .filter((line) => line.includes('decoder_child'))
    .map((line) => Number.parseInt(line, 10));
}

/** Opens a pipe to write, once somebody reads it: before that nobody can. */
async function opened(pipe: string, over = () => false): Promise<number | undefined> {
  while (!over()) {
    try {
      return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await sleep(20);
    }
  }
  return undefined;
}

/** Breaks the decoder while it reads a pipe. */
async function breakOn(pipe: string): Promise<void> {
  const file = await opened(pipe);
  const broken = children();
  for (const pid of broken) process.kill(pid, 'SIGSEGV');
  while (broken.some((pid) => children().includes(pid))) await sleep(5);
  if (file !== undefined) closeSync(file);
}

/** Shows a pipe as an empty file to whoever reads it, until that is over. */
async function empty(pipe: string, over: () => boolean): Promise<void> {
  const file = await opened(pipe, over);
  if (file !== undefined) closeSync(file);
}

test('a file on which the decoder breaks is named, and the others are decoded all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-decoder-'));
  const decoder = new DecoderProcess({ threads: 2, background: true });
  try {
    expect(await decoder.refused([jpeg, join(folder, 'none.jpg')])).toMatchObject([
      { at: 1, message: expect.stringMatching(/none\.jpg is not there/) },
    ]);
    const pipe = join(folder, 'pipe.jpg');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    let over = false;
    const both = decoder.refused([jpeg, pipe]).finally(() => {
      over = true;
    });
    await breakOn(pipe); // with both files in hand: each is tried alone then
    await empty(pipe, () => over);
    expect(await both).toMatchObject([{ at: 1, message: expect.stringMatching(/is empty/) }]);
    const alone = decoder.refused([pipe]);
    await breakOn(pipe);
    expect(await alone).toEqual([
      { at: 0, message: `${pipe} breaks the decoder (SIGSEGV); copy it again` },
    ]);
    expect(await decoder.refused([jpeg])).toEqual([]);
  } finally {
    await decoder.dispose();
    rmSync(folder, { recursive: true });
  }
  await expect(decoder.refused([jpeg])).rejects.toThrow(/closed/);
});

test('a decoder that somebody ends is no fault of a file', async () => {
  const decoder = new DecoderProcess({ threads: 1, background: false });
  await decoder.refused([jpeg]);
  const asked = decoder.refused(['/dev/stdin', jpeg]);
  await decoder.dispose();
  await expect(asked).rejects.toThrow(/was ended \(SIGKILL\)/);
});
