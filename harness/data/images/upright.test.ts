import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage, uprightSize } from './decode.ts';
import { decodeUpright } from './upright.ts';

const [width, height] = [7, 4];
const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 251));
const raw = { raw: { width, height, channels: 3 as const } };

test.each(
  [1, 2, 3, 4, 5, 6, 7, 8].flatMap((orientation) =>
    (['jpeg', 'png', 'webp'] as const).map((kind) => [orientation, kind] as const),
  ),
)('orientation %i of a %s file is turned as by sharp', async (orientation, kind) => {
  const options = kind === 'webp' ? { lossless: true } : {};
  const bytes = await sharp(pixels, raw)
    .withMetadata({ orientation })
    .toFormat(kind, options)
    .toBuffer();
  const found = await decodeUpright(bytes, 'a');
  const expected = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true });
  expect([found.width, found.height]).toEqual([expected.info.width, expected.info.height]);
  expect([...found.pixels]).toEqual([...expected.data]);
  const { width: wide, height: high } = found;
  expect(await uprightSize(bytes, 'a')).toEqual({ width: wide, height: high });
});

test('a file that says nothing stays as it is', async () => {
  const bytes = await sharp(pixels, raw).png().toBuffer();
  expect(await decodeUpright(bytes, 'a')).toEqual(await decodeImage(bytes, 'a'));
});
