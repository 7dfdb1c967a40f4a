import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Breaks the decoder while it reads a pipe: nobody can open one to write before somebody reads it. */
async function breakOn(pipe: string): Promise<void> {
  for (;;) {
    try {
      const file = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      for (const pid of children()) process.kill(pid, 'SIGSEGV');
      while (children().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return closeSync(file);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
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
    const asked = decoder.refused([jpeg, pipe]);
    await breakOn(pipe); // with both files in hand
    await breakOn(pipe); // with this one alone
    expect(await asked).toEqual([
      { at: 1, message: `${pipe} breaks the decoder (SIGSEGV); copy it again` },
    ]);
    writeFileSync(join(folder, 'good.jpg'), readFileSync(jpeg));
    expect(await decoder.refused([join(folder, 'good.jpg')])).toEqual([]);
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
