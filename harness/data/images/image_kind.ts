/** What a file is, by its first bytes. */
export type Kind = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'BMP' | 'TIFF' | 'AVIF or HEIC' | 'SVG or XML';

/** The kinds that are decoded. */
export const KINDS: readonly Kind[] = ['JPEG', 'PNG', 'WebP', 'GIF'];

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

export function kindOf(bytes: Uint8Array): Kind | undefined {
  const text = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (text.startsWith('RIFF') && text.slice(8) === 'WEBP') return 'WebP';
  if (/^GIF8[79]a/.test(text)) return 'GIF';
  if (text.startsWith('BM')) return 'BMP';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'TIFF';
  if (text.slice(4, 8) === 'ftyp') return 'AVIF or HEIC';
  return /^\s*<(\?xml|svg|!)/i.test(text) ? 'SVG or XML' : undefined;
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
      };
    if (marker === START_OF_SCAN) return undefined;
    at += 2 + word(at + 2);
  }
  return undefined;
}
