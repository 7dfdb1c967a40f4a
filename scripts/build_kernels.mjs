import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  { summary: 'Compile the loops of harness/*/kernels to the WebAssembly beside them.' },
  async ({ print }) => {
    const { buildKernels } = await load('harness/data/kernels/build.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const folder = `${root}/harness/evaluation/kernels`;
    const products = { folder, entry: 'products', flags: ['--importMemory'] };
    for (const [file, source] of [
      ['harness/data/kernels/pixels.wasm', undefined],
      ['harness/evaluation/kernels/products.wasm', products],
    ]) {
      const bytes = await buildKernels(source);
      await writeAtomic(`${root}/${file}`, bytes);
      print({ file, bytes: bytes.length });
    }
  },
);
