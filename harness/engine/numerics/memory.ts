import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeAtomic } from '../../base/files.ts';
import { sha256Json } from '../../base/hash.ts';

const Id = z.string().regex(/^[0-9a-f]{12}$/);
const Ids = z.strictObject({ fp32: Id, bf16: Id.optional() });
const Entry = z.strictObject({ key: z.string(), ids: Ids, check: z.string() });

interface Remembered {
  readonly fp32: string;
  readonly bf16: string | undefined;
}

/**
 * What `compute` gives for a key: from the file where it was remembered, else computed and remembered. A file that
 * cannot be read, trusted or written costs the computation, nothing else.
 */
export async function remembered(
  path: string | undefined,
  key: string,
  compute: () => Promise<Remembered>,
): Promise<Remembered> {
  const found = path === undefined ? undefined : recall(path, key);
  if (found !== undefined) return found;
  const ids = await compute();
  if (path !== undefined) await remember(path, key, ids);
  return ids;
}

/** Undefined where there is nothing, or nothing that can be trusted: cut off, altered, of another key. */
function recall(path: string, key: string): Remembered | undefined {
  try {
    const entry = Entry.parse(JSON.parse(readFileSync(path, 'utf8')));
    if (entry.key !== key || entry.check !== checkOf(key, entry.ids)) return undefined;
    return { fp32: entry.ids.fp32, bf16: entry.ids.bf16 };
  } catch {
    return undefined;
  }
}

async function remember(path: string, key: string, ids: Remembered): Promise<void> {
  const entry = { key, ids, check: checkOf(key, ids) };
  await writeAtomic(path, `${JSON.stringify(entry)}\n`).catch(() => undefined);
}

function checkOf(key: string, { fp32, bf16 }: z.infer<typeof Ids>): string {
  return sha256Json([key, fp32, bf16 ?? null]);
}
