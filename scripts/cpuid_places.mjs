import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Find the CPUID instructions of libtensorflow again, after its version has changed; writes tools/cpuid/places.json.',
  },
  async ({ print }) => {
    const { writePlaces } = await load('tools/cpuid/write_places.ts');
    const counts = await writePlaces(`${root}/tools/cpuid/places.json`);
    for (const [file, instructions] of Object.entries(counts))
      print({ file, instructions }, `${file}: ${instructions} instructions`);
  },
);
