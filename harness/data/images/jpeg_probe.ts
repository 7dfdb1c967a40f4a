import { createHash } from 'node:crypto';
import type { JpegDecoder } from './jpeg.ts';

// 21 x 19 pixels of noise, 4:2:0, by sharp 0.35: no multiples of 16, so chroma is scaled up at edges, too.
const FILE =
  '/9j/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgy' +
  'PC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy' +
  'MjIyMjIyMjL/wAARCAATABUDASIAAhEBAxEB/8QAGQABAQADAQAAAAAAAAAAAAAAAAQBAgMF/8QAJhAAAgIBAwME' +
  'AwEAAAAAAAAAAQIDEQQABSESEzEUQVFhMlKBsf/EABkBAAIDAQAAAAAAAAAAAAAAAAEDAAIEBv/EACkRAAECAwcC' +
  'BwAAAAAAAAAAAAECIQADEQQTMUFRcYGx8AUjYYKRodH/2gAMAwEAAhEDEQA/APK2/Y9mxvWOm145qeWVmMYdseIN' +
  'GQgDKRx3QrMQ1BGoE1Vu2wQRZjzY0EEeTk9CBewGiiZpEXuKtkC1ZmC8qChILIRrpiiPAzw3pY5u5G3bBKkxR2LK' +
  'qAACQbNXwPNGzSsSq7PhRj08TSRqGJcBlPVak8JdJwBYJ4uzRKyCUJTkxOBZ8HrwNtaUJmFJLbj61/PRzvibxlbd' +
  'iqmNuU+OllehUfKPH7FmHS4vpPNHpBCqCLamTcsPaJZHlycgS5BBZsPpp6F2QWFfl78/Naai0zQo3VVJyPaT1+MI' +
  'bKkKmIC7tfFKcPE+Rt+GmEwGLFdubKgniZVHPnwxH3eqosXHTfMiFceJYw8cYUIBSmV1P9r38+/nTTSJLyqnvzEj' +
  'o2zQJ7WmYgYUU3uTGX3PNxIVOPkPHbdJr4CIf9ZufvTTTWS2JF8rvKOR8QUTaVPp0Ef/2Q==';

/** SHA-256 of the pixels that sharp and Pillow make of it. */
const PIXELS = 'e1b8d8574c6ff28468e1b7166b65b22ccd8f9a6697aea1c301a14fd6ac4a5db1';

/** A picture whose pixels show whether a decoder rounds as libjpeg-turbo does at its most exact. */
export function probe(): Uint8Array {
  return Buffer.from(FILE, 'base64');
}

/** Whether pixels are those of the probe. */
export function isProbe(pixels: Uint8Array): boolean {
  return createHash('sha256').update(pixels).digest('hex') === PIXELS;
}

/** Whether a decoder gives the pixels that sharp would give. */
export function isExact(decoder: JpegDecoder): boolean {
  const found = decoder(probe());
  return found !== undefined && isProbe(found.pixels);
}
