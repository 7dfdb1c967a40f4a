import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeAtomic } from '../../base/files.ts';
import { sha256Json } from '../../base/hash.ts';

const Id = z.string().regex(/^[0-9a-f]{12}$/);
const Ids = z.strictObject({ fp32: Id, bf16: Id.optional() });
const Entry = z.strictObject({ key: z.string(), ids: Ids, check: z.string() });

type Remembered = { readonly fp32: string; readonly bf16: string | undefined };

/**
 * What was remembered under a key.
 * @returns undefined where there is nothing, or nothing that can be trusted: cut off, altered, of another key
 */
export function recall(path: string, key: string): Remembered | undefined {
  try {
    const entry = Entry.parse(JSON.parse(readFileSync(path, 'utf8')));
    if (entry.key !== key || entry.check !== checkOf(key, entry.ids)) return undefined;
    return { fp32: entry.ids.fp32, bf16: entry.ids.bf16 };
  } catch {
    return undefined;
  }
}

/** Remembers ids. A cache that cannot be written costs a probe at the next start, nothing else. */
export async function remember(path: string, key: string, ids: Remembered): Promise<void> {
  const entry = { key, ids, check: checkOf(key, ids) };
  await writeAtomic(path, `${JSON.stringify(entry)}\n`).catch(() => undefined);
}

function checkOf(key: string, { fp32, bf16 }: z.infer<typeof Ids>): string {
  return sha256Json([key, fp32, bf16 ?? null]);
}
