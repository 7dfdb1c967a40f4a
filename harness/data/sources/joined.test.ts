import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openImageSet } from '../../evaluation/image_set.ts';
import { Loader, type LoaderSetup } from '../loader/loader.ts';
import { openSource } from '../open_source.ts';
import type { Source } from '../source.ts';
import { type SourceSpec, sourceSpec, viewSpec } from '../spec.ts';
import { checkSamples } from './check.ts';

const pictures = fileURLToPath(new URL('../../../golden/data/images', import.meta.url));
const FILES = ['png_rgb', 'jpeg420', 'webp_lossless', 'gif', 'png_grey', 'jpeg444'];

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-joined-'));
  folder('one', ['cat', 'dog']);
  folder('two', ['cat', 'dog']);
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

/** Some images a class; the second class has one more. */
function folder(root: string, classes: readonly string[], from = 0): void {
  for (const [label, name] of classes.entries()) {
    mkdirSync(join(data, root, name), { recursive: true });
    for (let i = 0; i <= label; i++)
      cpSync(join(pictures, FILES[from + i] ?? ''), join(data, root, name, `${i}.png`));
  }
}

const of = (root: string): SourceSpec => ({ kind: 'folder', root });
const generated = (count: number, more = {}) =>
  sourceSpec.parse({ kind: 'generated', count, size: 16, ...more });
const open = (spec: SourceSpec, options = {}) => openSource(spec, { data, ...options });
const names = (source: Source) =>
  Array.from({ length: source.count }, (_, i) => source.describe(i).replace(`${data}/`, ''));

describe('concat', () => {
  test('has the samples of its sources one after another, labels and classes', async () => {
    const source = await open({ kind: 'concat', sources: [of('one'), of('two')] });
    expect(source.count).toBe(6);
    expect([...(source.labels ?? [])]).toEqual([0, 1, 1, 0, 1, 1]);
    expect(source.classes).toEqual(['cat', 'dog']);
    expect(names(source)).toEqual(
      ['one', 'two'].flatMap((root) => ['cat/0', 'dog/0', 'dog/1'].map((n) => `${root}/${n}.png`)),
    );
    const two = await open(of('two'));
    expect(await source.read(5)).toEqual(await two.read(2));
    for (const index of [-1, 6]) expect(() => source.read(index)).toThrow(`no sample ${index}`);
  });

  test('where the classes differ, in names or order, the whole has no labels and says why', async () => {
    const joined = async (classes: readonly string[]) => {
      rmSync(join(data, 'two'), { recursive: true });
      folder('two', classes);
      return open({ kind: 'concat', sources: [of('one'), of('two')] });
    };
    const other = await joined(['cat', 'fox']);
    expect(other.labels).toBeUndefined();
    expect(other.classes).toBeUndefined();
    expect(other.unlabelled).toMatch(
      /^sources\[1\] and sources\[0\] do not have the same classes .*"dog".*"fox"/,
    );
    expect(other.manifest.notes).toEqual([other.unlabelled]);
    const repeat = await open({
      kind: 'repeat',
      times: 2,
      source: { kind: 'concat', sources: [of('one'), of('two')] },
    });
    expect(repeat.unlabelled).toBe(other.unlabelled);
    expect((await joined(['cat', 'dog', 'emu'])).unlabelled).toContain('"emu"');
    expect((await joined(['cat'])).unlabelled).toContain('"dog"');
  });

  test('who needs labels is told why there are none', async () => {
    folder('three', ['cat', 'fox']);
    const spec: SourceSpec = { kind: 'concat', sources: [of('one'), of('three')] };
    const pipeline = viewSpec.parse([{ kind: 'resize', size: 16 }]);
    const set = { spec, data, pipeline, size: 16, batch: 2 };
    await expect(openImageSet(set, 'evaluation.train')).rejects.toThrow(
      /^evaluation\.train: sources\[1\] and sources\[0\] do not have the same classes .*"fox"/,
    );
  });

  test('where one source has no labels, the whole has none, and a note says so', async () => {
    writeFileSync(join(data, 'list.txt'), 'one/cat/0.png\ntwo/dog/0.png\n');
    const list: SourceSpec = { kind: 'list', root: '.', file: 'list.txt', labelled: false };
    const source = await open({ kind: 'concat', sources: [of('one'), list] });
    expect(source.count).toBe(5);
    expect(source.labels).toBeUndefined();
    expect(source.classes).toBeUndefined();
    expect(source.manifest.notes).toEqual([
      'sources[1] has no labels, so the samples of concat count as unlabelled',
    ]);
    const none = await open({ kind: 'concat', sources: [list, list] });
    expect(none.unlabelled).toBeUndefined();
    expect(none.manifest.notes).toEqual([]);
  });

  test('a labelled list is joined to a folder by the names it gives', async () => {
    writeFileSync(join(data, 'list.txt'), 'one/cat/0.png 0\ntwo/dog/0.png 1\n');
    const list: SourceSpec = { kind: 'list', root: '.', file: 'list.txt', labelled: true };
    const unnamed = await open({ kind: 'concat', sources: [of('one'), list] });
    expect(unnamed.unlabelled).toMatch(/sources\[1\] only numbers its classes/);
    const named = { ...list, classes: ['cat', 'dog'] };
    const source = await open({ kind: 'concat', sources: [of('one'), named] });
    expect([...(source.labels ?? [])]).toEqual([0, 1, 1, 0, 1]);
    expect(source.where?.(4)).toMatch(/list\.txt.*2/);
    expect(source.where?.(0)).toBe(source.describe(0));
    const both = await open({ kind: 'concat', sources: [list, list] });
    expect([...(both.labels ?? [])]).toEqual([0, 1, 0, 1]);
    expect(both.classes).toBeUndefined();
  });

  test('files are found to be checked, among sources without files', async () => {
    const source = await open({ kind: 'concat', sources: [generated(2), of('one')] });
    expect(source.bytes?.(1)).toBeUndefined();
    expect(source.bytes?.(2)).toEqual(readFileSync(join(data, 'one/cat/0.png')));
    const found = [];
    writeFileSync(join(data, 'one/dog/0.png'), 'no image');
    for await (const finding of checkSamples(source)) found.push(finding.index);
    expect(found).toEqual([3]);
    const twice = await open({ kind: 'repeat', source: of('one'), times: 2 });
    for await (const { index } of checkSamples(twice)) found.push(index);
    expect(found).toEqual([3, 1]);
  });

  test('notes of the parts say whose they are', async () => {
    writeFileSync(join(data, 'two/cat/notes.txt'), 'x');
    const { manifest } = await open({ kind: 'concat', sources: [of('one'), of('two')] });
    expect(manifest.notes).toHaveLength(1);
    expect(manifest.notes[0]).toMatch(/^sources\[1\]: .*two|^sources\[1\]: .*cat\/notes\.txt/);
  });

  test('the hash changes with content, order and nesting of the parts, and not with their place', async () => {
    const hash = async (...sources: SourceSpec[]) =>
      (await open({ kind: 'concat', sources })).manifest.sha256;
    folder('three', ['cat', 'dog'], 2);
    const hashes = [
      await hash(of('one')),
      await hash(of('one'), of('three')),
      await hash(of('three'), of('one')),
      await hash(of('one'), of('three'), of('one')),
      await hash({ kind: 'concat', sources: [of('one'), of('three')] }, of('one')),
      await hash({ kind: 'repeat', source: of('one'), times: 2 }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(await hash(of('two'), of('three'))).toBe(hashes[1]); // two is a copy of one
  });

  test('a file that cannot be read is named by its path', async () => {
    writeFileSync(join(data, 'two/dog/1.png'), 'no image');
    const source = await open({ kind: 'concat', sources: [of('one'), of('two')] });
    await expect(async () => source.read(5)).rejects.toThrow(join(data, 'two/dog/1.png'));
  });

  test('what one source refuses is refused', async () => {
    await expect(open({ kind: 'concat', sources: [of('one'), of('none')] })).rejects.toThrow(
      `${join(data, 'none')} is not there`,
    );
  });
});

describe('repeat', () => {
  test('index i is sample i modulo the count', async () => {
    const source = await open({ kind: 'repeat', source: of('one'), times: 3 });
    const once = await open(of('one'));
    expect(source.count).toBe(9);
    expect([...(source.labels ?? [])]).toEqual([0, 1, 1, 0, 1, 1, 0, 1, 1]);
    expect(source.classes).toEqual(['cat', 'dog']);
    for (const index of [0, 4, 8]) {
      expect(source.describe(index)).toBe(once.describe(index % 3));
      expect(await source.read(index)).toEqual(await once.read(index % 3));
    }
    expect(() => source.read(9)).toThrow('no sample 9');
    expect(source.manifest.count).toBe(9);
    expect(source.distinct).toBe(3);
    const more = await open({
      kind: 'concat',
      sources: [{ kind: 'repeat', source: of('one'), times: 3 }, of('two')],
    });
    expect([more.count, more.distinct]).toEqual([12, 6]);
    const other = await open({ kind: 'repeat', source: of('one'), times: 2 });
    expect(other.manifest.sha256).not.toBe(source.manifest.sha256);
  });

  test('more samples than an order can hold are refused', async () => {
    await expect(open({ kind: 'repeat', source: of('one'), times: 1e8 })).rejects.toThrow(
      'repeat: 3 samples 100000000 times are 300000000, expected at most 268435456',
    );
  });
});

describe('nested', () => {
  const spec: SourceSpec = {
    kind: 'concat',
    sources: [
      { kind: 'repeat', source: { kind: 'concat', sources: [of('one'), of('two')] }, times: 2 },
      of('two'),
    ],
  };

  test('opened again with its manifest, no part is hashed', async () => {
    const { manifest } = await open(spec);
    writeFileSync(join(data, 'one/cat/0.png'), 'other content, which a hash would tell');
    const again = await open(spec, { manifest });
    expect(again.manifest).toBe(manifest);
    const shared = (await open(spec)).share?.();
    rmSync(join(data, 'one'), { recursive: true }); // nor is it looked for
    const third = await open(spec, { manifest, shared });
    expect(names(third)).toEqual(names(again));
    expect(await third.read(14)).toEqual(await again.read(14));
    folder('one', ['cat', 'dog'], 1);
    expect(again.count).toBe(15);
    expect((await open(spec)).manifest.sha256).not.toBe(manifest.sha256);
  });

  test('threads make the same batches as the calling thread', async () => {
    const setup: LoaderSetup = {
      spec,
      data,
      seed: 1,
      pipelines: [viewSpec.parse([{ kind: 'randomResizedCrop' }, { kind: 'flip' }])],
      size: 16,
      replicas: 1,
      batch: 5,
      dropLast: true,
      replacement: false,
      draws: [],
      labels: true,
    };
    const batches = async (workers: number) => {
      const loader = await Loader.open({ ...setup, workers });
      const all: unknown[] = [];
      for await (const { views, indices, labels } of loader.epoch(0))
        all.push({ views: views.map((view) => [...view]), indices: [...indices], labels });
      await loader.dispose();
      return all;
    };
    const alone = await batches(0);
    expect(alone).toHaveLength(3); // 15 samples
    expect(await batches(2)).toEqual(alone);
  });
});

describe('files', () => {
  const spec: SourceSpec = {
    kind: 'concat',
    sources: [of('one'), { kind: 'repeat', source: of('two'), times: 2 }],
  };

  test('their digests are those of the samples, and give the hash of the manifest', async () => {
    const { files, count, manifest } = await open(spec);
    if (files === undefined) throw new Error('no files');
    const digest = (index: number) => files.digests.subarray(32 * index, 32 * (index + 1));
    expect(files.digests).toHaveLength(32 * count);
    expect(Buffer.from(digest(8)).toString('hex')).toBe(
      createHash('sha256')
        .update(readFileSync(join(data, 'two/dog/1.png')))
        .digest('hex'),
    );
    expect(digest(5)).toEqual(digest(8));
    expect(files.manifestOf(files.digests)).toBe(manifest.sha256);
    expect([0, 8].map((index) => files.name(index))).toEqual([
      'sources[0]/cat/0.png',
      'sources[1]/dog/1.png',
    ]);
    writeFileSync(join(data, 'two/dog/1.png'), 'another');
    const other = await open(spec);
    expect(files.manifestOf(other.files?.digests ?? new Uint8Array())).toBe(other.manifest.sha256);
    expect(other.manifest.sha256).not.toBe(manifest.sha256);
  });

  test('are absent where a part has none', async () => {
    expect((await open({ kind: 'concat', sources: [of('one'), generated(2)] })).files).toBe(
      undefined,
    );
  });
});
