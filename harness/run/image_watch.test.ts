import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { imageCheck } from '../data/checks/check_images.ts';
import { openSource } from '../data/open_source.ts';
import { watchImages } from './image_watch.ts';

const jpeg = readFileSync(
  fileURLToPath(new URL('../../golden/data/images/jpeg444', import.meta.url)),
);
const spec = { kind: 'folder', root: 'set' } as const;

let folder = '';
let said: string[] = [];
const log = {
  info: (message: string) => void said.push(`info: ${message}`),
  warn: (message: string) => void said.push(`warn: ${message}`),
};

beforeEach(() => {
  said = [];
  folder = mkdtempSync(join(tmpdir(), 'reprise-watch-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
  mkdirSync(join(folder, 'set', 'a'), { recursive: true });
  for (let i = 0; i < 150; i++) {
    const bytes = [60, 149].includes(i) ? jpeg.subarray(0, 300 + i) : jpeg;
    writeFileSync(
      join(folder, 'set', 'a', `${1000 + i}.jpg`),
      Buffer.concat([bytes, Buffer.from(`${i}`)]),
    );
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

async function watched(few: number, signal?: AbortSignal) {
  const train = await openSource(spec, { data: folder });
  return watchImages({ sources: { train }, log, folder: '/work', few, signal });
}

function ended(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', resolve));
}

test('a run is ended once all images are decoded, with all that are damaged', async () => {
  const watch = await watched(100);
  watch.refuse();
  await ended(watch.signal);
  expect(said[0]).toBe(
    'info: 150 images have not been decoded yet: that is done in the background, once for each',
  );
  expect(said.slice(1)).toEqual([
    expect.stringMatching(/^warn: data\.train: .*1060\.jpg is damaged/),
    expect.stringMatching(/^warn: data\.train: .*1149\.jpg is damaged/),
  ]);
  expect(() => watch.refuse()).toThrow(
    /^2 images cannot be used:\n.*1060.*\n.*1149.*\nthe run ends here; what it has trained is saved\. Repair .* --work_dir \/work/,
  );
  await watch.dispose();
});

test('a run that ends first ends the check, which goes on from there another time', async () => {
  const watch = await watched(0);
  await watch.dispose();
  expect(watch.signal.aborted).toBe(false);
  watch.refuse();
  const stop = new AbortController();
  const second = await watched(0, stop.signal);
  stop.abort();
  await second.dispose();
  expect(said.filter((it) => it.includes('not checked'))).toEqual([]);
});

test('a few are decoded before it begins; told to stop, that ends too', async () => {
  await expect(watched(1000)).rejects.toThrow(/^2 images .*\nthe run ends before its next step/s);
  expect(said).toHaveLength(1);
  const source = await openSource(spec, { data: folder });
  expect(imageCheck({ source }, { few: 0 }).count).toBe(2);
  const watch = await watched(1000, AbortSignal.abort());
  expect(watch.signal.aborted).toBe(false);
});

test('where there can be no other process, that is said and the run goes on', async () => {
  vi.spyOn(process, 'execPath', 'get').mockReturnValue(join(folder, 'no-node'));
  const watch = await watched(1000);
  watch.refuse();
  expect(said.at(-1)).toMatch(/^warn: images are not checked beyond this \(spawn .*ENOENT\)/);
});
