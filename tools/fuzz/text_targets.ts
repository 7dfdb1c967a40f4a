import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { sha256Json } from '../../harness/base/index.ts';
import { openSource } from '../../harness/data/open_source.ts';
import {
  experimentId,
  findRecipes,
  override,
  parseExperiment,
  recipeNamed,
} from '../../harness/experiment/index.ts';
import { readRecord, sealed } from '../../harness/record/record.ts';
import { readGolden } from '../../harness/verify/golden.ts';
import { methods } from '../../methods/index.ts';
import { root } from '../command/root.ts';
import { deepText, mutatedJson } from './json.ts';
import { mutated, type PieceFormat } from './pieces.ts';
import type { Target } from './target.ts';

const text = (value: string) => new Uint8Array(Buffer.from(value));
const json = (value: unknown) => text(JSON.stringify(value) ?? 'null');

/** Lines, each with its end. */
const LINES: Pick<PieceFormat, 'join'> = { join: (pieces) => Buffer.concat(pieces) };
const linesOf = (value: string) => value.split(/(?<=\n)/).map(text);

/** JSON files: three of four changed as values, the others as text. */
function jsonFiles(seeds: readonly unknown[], written = json): fc.Arbitrary<Uint8Array> {
  const indented = seeds.map((seed) => linesOf(JSON.stringify(seed, null, 1)));
  const asText = mutated({ seeds: indented, ...LINES });
  return fc.oneof(
    { weight: 3, arbitrary: mutatedJson(seeds).map(written) },
    { weight: 1, arbitrary: asText },
  );
}

// A number too large for a double once ended in a stack trace, as did `toString` of the file's own.
const ODD_TEXTS = ['', ' ', '{', '[]', 'null', '"a"', '\ufeff{}', '1e999', deepText(5000)];
const oddTexts = [...ODD_TEXTS.map(text), Uint8Array.of(0xff, 0xfe, 0x7b, 0), new Uint8Array(64)];

/** What fuzzing found: each top field in turn an object with a `toString`, or a number beyond a double. */
function found(value: unknown): Uint8Array[] {
  const fields = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  return fields.flatMap((key) => {
    const whole = JSON.stringify({ ...Object(value), [key]: 'HERE' });
    return ['{"toString":0,"kind":{"toString":0}}', '{"a":1e999}', '-1e999'].map((odd) =>
      text(whole.replace('"HERE"', odd)),
    );
  });
}

/** An experiment of a user's own, read, overridden and identified as by `train`. */
export async function experimentTarget(): Promise<Target> {
  const recipes = [...(await findRecipes([resolve(root, 'methods')])).values()];
  return {
    files: jsonFiles(recipes),
    fixed: [...oddTexts, ...found(recipes[0])],
    place: (folder) => join(folder, 'experiment.json'),
    feed: (path) =>
      experimentId(parseExperiment(override(recipeNamed(path, new Map()), []), methods)),
    names: /^experiment /,
  };
}

function goldens(): readonly unknown[] {
  const folder = join(root, 'golden');
  const own = readdirSync(folder).filter((name) => /^[0-9a-f]{12}$/.test(name));
  const files = own.flatMap((name) =>
    readdirSync(join(folder, name)).map((file) => join(folder, name, file)),
  );
  return [...files, join(folder, 'former/odc.golden.json')].map((file) =>
    JSON.parse(readFileSync(file, 'utf8')),
  );
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

/** Seals of most are made to fit again, so that what lies behind them is reached. */
function resealed(seal: (content: Record<string, unknown>) => unknown) {
  return (value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return json(value);
    const { seal: former, ...content } = value as Record<string, unknown>;
    try {
      return json(typeof former === 'string' ? { ...content, seal: seal(content) } : value);
    } catch {
      return json(value); // it holds what has no canonical form
    }
  };
}

export function recordTarget(): Target {
  const seal = (content: Record<string, unknown>) => sealed(content as never).seal;
  return {
    files: jsonFiles(
      goldens().map((golden) => fieldOf(golden, 'record')),
      resealed(seal),
    ),
    fixed: [...oddTexts, ...found(fieldOf(goldens()[0], 'record'))],
    place: (folder) => join(folder, 'record.json'),
    feed: readRecord,
  };
}

export function goldenTarget(): Target {
  return {
    files: jsonFiles(goldens(), resealed(sha256Json)),
    fixed: [...oddTexts, ...found(goldens()[0])],
    place: (folder) => join(folder, 'golden.json'),
    feed: readGolden,
  };
}

const IMAGES = ['a/0.png', 'a/1 2.png', 'b/ä.png', 'b/3'];
const LISTS = [
  IMAGES.map((name, i) => `${name} ${i >> 1}\n`).join(''),
  `${IMAGES.join('\r\n')}\r\n`,
  `\ufeff${IMAGES.map((name, i) => `${name}\t${i}`).join('\n')}`,
  Array.from({ length: 300 }, (_, i) => `a/0.png ${i % 7 === 0 ? 0 : 0}\n`).join(''),
];

/** A list of images that are there, with labels or without. */
export async function listTarget(): Promise<Target> {
  const pixel = await sharp(Buffer.of(1, 2, 3), { raw: { width: 1, height: 1, channels: 3 } })
    .png()
    .toBuffer();
  return {
    files: mutated({ seeds: LISTS.map(linesOf), ...LINES }),
    fixed: [
      '',
      '\n',
      ' \n \n',
      'a/0.png 2000000000\n',
      'a/0.png\0 1\n',
      '/etc/passwd 0\n',
      '. 0\n',
    ].map(text),
    place: (folder) => {
      process.env.XDG_CACHE_HOME = join(folder, 'cache');
      for (const name of IMAGES) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), pixel);
        utimesSync(join(folder, name), 1, 1); // so long ago that its hash may be remembered
      }
      return join(folder, 'list.txt');
    },
    feed: async (path, serial) => {
      const spec = { kind: 'list', root: '.', file: 'list.txt', labelled: serial % 3 > 0 } as const;
      const source = await openSource(spec, { data: dirname(path) });
      await source.read(0);
    },
    names: /\/fuzz-\w+\//, // also an image of the list
  };
}
