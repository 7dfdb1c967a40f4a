import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { Loader } from '../data/loader/loader.ts';
import { hashingProgress } from './hashing.ts';

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
}

/** A clock that is moved by hand. */
function handClock() {
  let seconds = 100;
  const clock: Clock = { now: () => new Date(0), seconds: () => seconds };
  return {
    clock,
    pass: (more: number) => {
      seconds += more;
    },
  };
}

test('says nothing of hashing that is soon over', () => {
  const { clock, pass } = handClock();
  const screen = terminal(true);
  const progress = hashingProgress('data.train', screen, clock);
  progress(64, 128);
  pass(1.9);
  progress(128, 128);
  expect(screen.written).toEqual([]);
});

test('elsewhere than on a terminal: a line now and then, and one at the end', () => {
  const { clock, pass } = handClock();
  const screen = terminal(false);
  const progress = hashingProgress('data.train', screen, clock);
  for (let done = 100; done <= 4000; done += 100) {
    pass(1);
    progress(done, 4000);
  }
  expect(screen.written).toEqual([
    'data.train: hashed 200 of 4000 images, 100 a second; once only, their digests are kept\n',
    'data.train: hashed 1700 of 4000 images, 100 a second; once only, their digests are kept\n',
    'data.train: hashed 3200 of 4000 images, 100 a second; once only, their digests are kept\n',
    'data.train: hashed 4000 of 4000 images, in 40 s\n',
  ]);
});

test('on a terminal: one line, written over', () => {
  const { clock, pass } = handClock();
  const screen = terminal(true);
  const progress = hashingProgress('evaluation.test', screen, clock);
  pass(3);
  progress(30, 60);
  pass(3);
  progress(60, 60);
  expect(screen.written).toEqual([
    '\r\u001b[Kevaluation.test: hashed 30 of 60 images, 10 a second; once only, their digests are kept',
    '\r\u001b[Kevaluation.test: hashed 60 of 60 images, in 6 s\n',
  ]);
});

test('the loader tells of the files it hashes', async () => {
  const data = mkdtempSync(join(tmpdir(), 'reprise-hashing-'));
  const cache = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(data, 'cache');
  try {
    mkdirSync(join(data, 'photos', 'cat'), { recursive: true });
    for (let i = 0; i < 70; i++) writeFileSync(join(data, 'photos', 'cat', `${i}.jpg`), `${i}`);
    const told: string[] = [];
    const loader = await Loader.open({
      spec: { kind: 'folder', root: 'photos' },
      data,
      seed: 0,
      size: 8,
      workers: 0,
      pipelines: [[{ kind: 'randomResizedCrop' }]] as never,
      replicas: 1,
      batch: 2,
      dropLast: true,
      replacement: false,
      draws: [],
      onProgress: (done, total) => told.push(`${done}/${total}`),
    });
    await loader.dispose();
    expect(told.at(-1)).toBe('70/70');
  } finally {
    if (cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cache;
    rmSync(data, { recursive: true });
  }
});
