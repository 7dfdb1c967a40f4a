import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readSafetensors } from '../../weights/safetensors.ts';
import { Canvas } from './canvas.ts';
import { applyView, type Change } from './change.ts';
import type { Image } from './image.ts';

const path = fileURLToPath(new URL('../../../golden/views/views.safetensors', import.meta.url));
const { tensors, metadata } = readSafetensors(path);
const Fixture = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      source: z.string(),
      changes: z.array(z.custom<Change>((value) => typeof value === 'object')),
    }),
  ),
});
const { cases } = Fixture.parse(JSON.parse(metadata.fixture ?? ''));

function imageOf(name: string): Image {
  const array = tensors.get(name);
  const [height = 0, width = 0] = array?.shape ?? [];
  if (!(array?.data instanceof Uint8Array)) throw new Error(`${name}: not an image`);
  return { width, height, pixels: array.data };
}

/** Bytes that differ. */
function difference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), 0);
}

describe('views of the same parameters are those of Pillow and torchvision, to the bit', () => {
  const kinds = [
    ...new Set(cases.map(({ changes }) => changes.map(({ kind }) => kind).join(', '))),
  ];
  const canvas = new Canvas();

  it.each(kinds)('%s', (kind) => {
    const chosen = cases.filter(({ changes }) => changes.map((c) => c.kind).join(', ') === kind);
    expect(chosen.length).toBeGreaterThan(0);
    for (const { name, source, changes } of chosen) {
      const expected = imageOf(name);
      const plain = applyView(imageOf(source), changes);
      expect([plain.width, plain.height], name).toEqual([expected.width, expected.height]);
      const label = `${name} ${JSON.stringify(changes)}`;
      expect(difference(plain.pixels, expected.pixels), `plain ${label}`).toBe(0);
      const to = new Uint8Array(expected.pixels.length);
      canvas.open(imageOf(source));
      canvas.view(changes, to);
      expect(difference(to, expected.pixels), `kernels ${label}`).toBe(0);
    }
  });

  it('for every kind of change', () => {
    const held = new Set(cases.flatMap(({ changes }) => changes.map(({ kind }) => kind)));
    const all: Record<Change['kind'], true> = {
      crop: true,
      resize: true,
      flip: true,
      grayscale: true,
      brightness: true,
      contrast: true,
      saturation: true,
      hue: true,
      blur: true,
      solarize: true,
      rotate: true,
      lighting: true,
    };
    expect([...held].sort()).toEqual(Object.keys(all).sort());
  });
});
