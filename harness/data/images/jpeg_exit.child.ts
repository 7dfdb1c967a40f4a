import { readdirSync, readFileSync } from 'node:fs';
import { decodeImage, useLibraryDecoder } from './decode.ts';

/** Decodes whole and damaged pictures of a folder by a library that nothing else has loaded, and ends. */
async function decodeAll(folder: string, library: string): Promise<void> {
  useLibraryDecoder(library);
  let taken = 0;
  let refused = 0;
  for (const name of readdirSync(folder).filter((one) => !/\.(rgb|json)$/.test(one))) {
    const whole = readFileSync(`${folder}/${name}`);
    const changed = Buffer.from(whole);
    changed.fill(0x55, whole.length >> 1, (whole.length >> 1) + 8);
    for (const bytes of [whole, changed, whole.subarray(0, whole.length >> 1)])
      await decodeImage(bytes, name).then(
        () => taken++,
        () => refused++,
      );
  }
  process.stdout.write(JSON.stringify({ taken, refused }));
}

const [, , folder = '', library = ''] = process.argv;
await decodeAll(folder, library);
