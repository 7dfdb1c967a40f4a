import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FLAGS = ['--runtime', 'stub', '--noAssert', '-O3', '--converge', '--enable', 'simd'];
const own = fileURLToPath(new URL('.', import.meta.url));

/** What is compiled, from its folder. */
export interface KernelSource {
  readonly folder: string;
  /** Without its ending. */
  readonly entry: string;
  /** Besides those that all have. */
  readonly flags: readonly string[];
}

/**
 * Compiles `kernels.as`, or another source; the same sources and compiler give the same bytes. For
 * developers: the compiler is no dependency of the product.
 * @throws where the compiler finds mistakes, with its messages.
 */
export async function buildKernels(
  { folder, entry, flags }: KernelSource = { folder: own, entry: 'kernels', flags: [] },
): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const line = [`${entry}.ts`, '-o', 'kernels.wasm', ...FLAGS, ...flags];
  const { error, stderr } = await asc.main(line, {
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
  if (error !== null || bytes === undefined) throw new Error(`${entry}: ${error}\n${stderr}`);
  return bytes;
}
