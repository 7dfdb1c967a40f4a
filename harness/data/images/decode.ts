import type { Sharp, SharpInput, SharpOptions } from 'sharp';
import { UserError } from '../../base/errors.ts';
import type { Image } from './image.ts';
import {
  EXPECTED,
  type JpegFrame,
  jpegFrame,
  type Kind,
  kindOf,
  strangerOf,
} from './image_kind.ts';
import { type JpegDecoder, libraryJpegDecoder } from './jpeg.ts';
import { isExact } from './jpeg_probe.ts';

/** Twice Pillow's `MAX_IMAGE_PIXELS`, where Pillow refuses. */
const MAX_PIXELS = 178_956_970;

/**
 * Decodes JPEG, PNG, WebP and GIF (its first picture) to what Pillow's `convert('RGB')` gives, to
 * the bit: grey and palettes become colours, transparency is dropped, not blended, CMYK is converted
 * as Pillow does, of 16 bits the upper 8 are kept; EXIF orientation and colour profiles do not
 * count, as in the original. Content decides what a file is, not its name. What libjpeg warns of and
 * still decodes is taken, as by Pillow; what ends early is not.
 * Departs: as docs/data.md, "Odd images", has it: 16-bit grey keeps its upper 8 bits, transparent
 * pixels of a GIF are black, broken palettes and checksums.
 * @param name how messages call the image
 * @throws UserError that names the image where it cannot be decoded.
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  const kind = kindOf(bytes);
  if (kind === undefined) throw unreadable(bytes, name);
  try {
    if (kind !== 'JPEG') return await fromColours(bytes, kind);
    const frame = jpegFrame(bytes);
    if (frame?.components === 4) return await fromCmyk(bytes);
    return quickly(bytes, frame) ?? (await fromColours(bytes, kind));
  } catch (cause) {
    throw await damaged(bytes, name, kind, cause);
  }
}

/** As `decodeImage`, and refuses what the decoder only warns of. */
export async function decodeStrictly(bytes: Uint8Array, name: string): Promise<Image> {
  const picture = await decodeImage(bytes, name);
  try {
    const sharp = await opener();
    await sharp(bytes, { ...OPTIONS, failOn: 'warning' }).stats();
  } catch (cause) {
    throw await damaged(bytes, name, kindOf(bytes) ?? 'JPEG', cause);
  }
  return picture;
}

/** EXIF's orientation of a file that decodes, 1 to 8; 1 where it says nothing of it. */
export async function orientationOf(bytes: Uint8Array): Promise<number> {
  const { buffer, byteOffset, byteLength } = bytes;
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (!MARKS.some((mark) => text.includes(mark))) return 1;
  const sharp = await opener();
  const { orientation } = await sharp(bytes, OPTIONS).metadata();
  return orientation ?? 1;
}

/**
 * Width and height of a picture once it is upright, from its header alone.
 * @throws UserError that names the image where it has none
 */
export async function uprightSize(
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly width: number; readonly height: number }> {
  const kind = kindOf(bytes);
  if (kind === undefined) throw unreadable(bytes, name);
  try {
    const sharp = await opener();
    const { autoOrient } = await sharp(bytes, OPTIONS).metadata();
    return { width: autoOrient.width, height: autoOrient.height };
  } catch (cause) {
    throw await damaged(bytes, name, kind, cause);
  }
}

const MARKS = ['Exif', 'eXIf', 'EXIF']; // JPEG, PNG, WebP

let asked: string | undefined;
let quick: JpegDecoder | undefined;

/**
 * From here on this thread decodes plain JPEG files by libtensorflow, in half the processor time,
 * where that gives sharp's bits of a picture kept for the comparison; sharp decodes all others.
 * @param library a libtensorflow_cc that this process has loaded; undefined changes nothing
 */
export function useLibraryDecoder(library: string | undefined): void {
  if (library === undefined || library === asked) return;
  asked = library;
  const decoder = libraryJpegDecoder(library);
  if (decoder !== undefined && isExact(decoder)) quick = decoder;
}

/** A picture in grey or colours of 8 bits, where the quick decoder is in use and takes the file. */
function quickly(bytes: Uint8Array, frame: JpegFrame | undefined): Image | undefined {
  if (quick === undefined || frame === undefined) return undefined;
  const { bits, components, progressive, width, height } = frame;
  // Where scans are missing, libjpegs smooth what they have, and not all of them alike.
  const plain = bits === 8 && !progressive && (components === 1 || components === 3);
  return plain && width * height <= MAX_PIXELS ? quick(bytes) : undefined;
}

type Open = (input: SharpInput, options: SharpOptions) => Sharp;
let loading: Promise<Open> | undefined;

/** sharp takes 0.1 s and 10 MiB of every thread: it is loaded where a file needs it. */
function opener(): Promise<Open> {
  loading ??= import('sharp').catch(notInstalled).then(({ default: sharp }) => {
    // Images are decoded side by side by the loader's threads; none should split its own work.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/** Its first line of many says what fails. */
function notInstalled(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message.split('\n', 2).join(': ') : String(cause);
  throw new UserError(`sharp, which decodes images, cannot be loaded (${reason}); run \`npm ci\``, {
    cause,
  });
}

const OPTIONS = { failOn: 'error', ignoreIcc: true, limitInputPixels: MAX_PIXELS } as const;

async function fromColours(bytes: Uint8Array, kind: Kind): Promise<Image> {
  const sharp = await opener();
  const input = sharp(bytes, OPTIONS);
  const opaque = kind === 'JPEG' ? input : input.removeAlpha();
  const { data, info } = await opaque.raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels`);
  return { width: info.width, height: info.height, pixels: data };
}

/** Pillow's cmyk2rgb (Convert.c): each colour is what its ink and black leave of the light. */
async function fromCmyk(bytes: Uint8Array): Promise<Image> {
  const sharp = await opener();
  const { data, info } = await sharp(bytes, OPTIONS)
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 4) throw new Error(`${info.channels} channels`);
  const pixels = new Uint8Array(info.width * info.height * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    const light = 255 - (data[from + 3] ?? 0);
    for (let c = 0; c < 3; c++) {
      const product = (data[from + c] ?? 0) * light + 128;
      pixels[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { width: info.width, height: info.height, pixels };
}

function unreadable(bytes: Uint8Array, name: string): UserError {
  if (bytes.length === 0)
    return new UserError(`${name} is empty (0 bytes); copy it again or leave it out`);
  const known = strangerOf(bytes);
  if (known !== undefined) return new UserError(`${name} ${known}`);
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0'));
  return new UserError(
    `${name} begins with ${start.join(' ')}, expected ${EXPECTED}; convert it to one of these or leave it out`,
  );
}

async function damaged(
  bytes: Uint8Array,
  name: string,
  kind: Kind,
  cause: unknown,
): Promise<UserError> {
  if (cause instanceof UserError) return cause; // nothing is wrong with the file
  const reason = reasonOf(cause);
  if (!/exceeds pixel limit/.test(reason)) {
    const odd = kind === 'JPEG' ? oddFrame(bytes, reason) : undefined;
    if (odd !== undefined) return new UserError(`${name} ${odd}`, { cause });
    const mend = 'copy it again or leave it out';
    return new UserError(`${name} is damaged: ${kind} decoder: ${reason}; ${mend}`, { cause });
  }
  const sharp = await opener();
  // Of a file that is damaged besides, the size cannot be read again.
  const again = sharp(bytes, { limitInputPixels: false });
  const { width = '?', height = '?' } = await again
    .metadata()
    .catch(() => ({}) as { width?: number; height?: number });
  return new UserError(
    `${name} has ${width} x ${height} pixels, expected at most ${MAX_PIXELS} in all, as more would fill the memory; shrink it or leave it out`,
    { cause },
  );
}

/** What libvips says, each sentence once: it repeats those of every try. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const lines = cause.message.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
  return [...new Set(lines.filter((line) => line !== ''))].join(' ');
}

/** A whole JPEG file of a sort that is not read, as the end of a sentence. */
function oddFrame(bytes: Uint8Array, reason: string): string | undefined {
  const mend = 'write it as PNG, or as JPEG anew';
  if (/marker type 0xf7/.test(reason)) return `is a JPEG-LS picture; ${mend}`;
  const frame = jpegFrame(bytes);
  if (frame === undefined) return undefined;
  const { bits, components, height } = frame;
  if (bits !== 8) return `is a JPEG file of ${bits} bits a sample, expected 8; ${mend}`;
  if (components === 2) return `is a JPEG file of 2 channels, expected 1, 3 or 4; ${mend}`;
  return height === 0
    ? `is a JPEG file that gives its height behind its pixels; ${mend}`
    : undefined;
}
