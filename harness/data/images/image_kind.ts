import { fileKind, HEAD_BYTES } from '../../base/file_kind.ts';

/** The kinds that are decoded. */
export type Kind = 'JPEG' | 'PNG' | 'WebP' | 'GIF';

/** Extensions of files in these formats, in small letters. */
export const EXTENSIONS = [
  ...['.jpg', '.jpeg', '.png', '.webp', '.gif'],
  ...['.jpe', '.jfif', '.jif', '.pjpeg', '.pjp'], // other names for JPEG
] as const;

/** Extensions of images that are not read: a folder that has some holds more than would be used. */
export const OTHER_EXTENSIONS = [
  ...['.bmp', '.tif', '.tiff', '.avif', '.heic', '.heif', '.jp2', '.jxl'],
  ...['.pgm', '.ppm', '.pnm', '.tga', '.svg'],
] as const;

/** What a picture is by its first bytes; undefined for what is not decoded. */
export function kindOf(bytes: Uint8Array): Kind | undefined {
  const text = latin1(bytes.subarray(0, 12));
  if (text.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (text.startsWith('RIFF') && text.slice(8) === 'WEBP') return 'WebP';
  return /^GIF8[79]a/.test(text) ? 'GIF' : undefined;
}

/** Pictures that are spoiled, by how they begin. */
const SPOILED: readonly (readonly [starts: readonly string[], words: string])[] = [
  [
    ['\x89PNG\n\x1a', '\x89PNG\r\n\x1a\r', '\x89PNG\r\r', '\x09PNG'],
    'is a PNG file whose bytes were changed, as by a transfer as text; copy it again as binary',
  ],
  [
    ['\xef\xbf\xbd\xef\xbf\xbd', '\xef\xbf\xbdPNG', '\xc2\x89PNG', '\xc3\xbf\xc3\x98'],
    'is a picture that was saved as UTF-8 text, which cannot be undone; copy it again as binary',
  ],
  [
    ['data:image/', '/9j/', 'iVBORw0KGgo', 'R0lGOD', 'UklGR'],
    'is a picture in base64 letters; decode it, e.g. with `base64 -d`',
  ],
];

/**
 * What a file is that is no picture we decode, as the end of a sentence, with what to do; undefined
 * for one that nothing is known of.
 */
export function strangerOf(bytes: Uint8Array): string | undefined {
  const start = latin1(bytes.subarray(0, 32));
  const spoiled = SPOILED.find(([starts]) => starts.some((it) => start.startsWith(it)));
  if (spoiled !== undefined) return spoiled[1];
  const [first, last] = [bytes.subarray(0, HEAD_BYTES), bytes.subarray(-HEAD_BYTES)];
  const known = fileKind(first, bytes.length, last);
  if (known === undefined) return undefined;
  const { name, mend = 'convert it to one of these or leave it out' } = known;
  return `is ${name}, expected ${EXPECTED}; ${mend}`;
}

/** The kinds that are decoded, for messages. */
export const EXPECTED = 'JPEG, PNG, WebP or GIF';

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

const START_OF_IMAGE = 0xd8;
const START_OF_SCAN = 0xda;
// Markers 0xc0 to 0xcf start a frame, but for these: Huffman tables, extensions, arithmetic tables.
const NO_FRAME = [0xc4, 0xc8, 0xcc];

/** What the header of a JPEG file says of its picture. */
export interface JpegFrame {
  /** Bits of a sample. */
  readonly bits: number;
  readonly width: number;
  readonly height: number;
  /** 1 for grey, 3 for colours, 4 for CMYK or YCCK. */
  readonly components: number;
  /** Its pixels come in scans, each finer than the one before. */
  readonly progressive: boolean;
}

/** The frame of a JPEG file; undefined where there is none before its first scan. */
export function jpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== START_OF_IMAGE) return undefined;
  const word = (at: number) => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined; // the decoder says what is wrong
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at++; // a fill byte
      continue;
    }
    if ((marker & 0xf0) === 0xc0 && !NO_FRAME.includes(marker))
      return {
        bits: bytes[at + 4] ?? 0,
        height: word(at + 5),
        width: word(at + 7),
        components: bytes[at + 9] ?? 0,
        progressive: (marker & 3) === 2,
      };
    if (marker === START_OF_SCAN) return undefined;
    at += 2 + word(at + 2);
  }
  return undefined;
}
