import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FLAGS = ['--runtime', 'stub', '--noAssert', '-O3', '--converge', '--enable', 'simd'];
const folder = fileURLToPath(new URL('.', import.meta.url));

/**
 * Compiles `kernels.as`; the same sources and compiler give the same bytes. For developers: the
 * compiler is no dependency of the product.
 * @throws where the compiler finds mistakes, with its messages.
 */
export async function buildKernels(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(['kernels.ts', '-o', 'pixels.wasm', ...FLAGS], {
    // The compiler looks for .ts. The sources end in .as, because they are not TypeScript.
    readFile: (name) => {
      const path = resolve(folder, name.replace(/\.ts$/, '.as'));
      return existsSync(path) ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (_, contents) => {
      if (typeof contents !== 'string') bytes = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || bytes === undefined) throw new Error(`pixel kernels: ${error}\n${stderr}`);
  return bytes;
}
