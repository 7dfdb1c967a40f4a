import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  { summary: 'Compile the pixel loops of harness/data/kernels to the WebAssembly beside them.' },
  async ({ print }) => {
    const { buildKernels } = await load('harness/data/kernels/build.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const file = 'harness/data/kernels/pixels.wasm';
    const bytes = await buildKernels();
    await writeAtomic(`${root}/${file}`, bytes);
    print({ file, bytes: bytes.length });
  },
);
