import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CHILD = fileURLToPath(new URL('portable.child.ts', import.meta.url));

/** How a run with portable numerics compares with its golden. */
export interface PortableVerdict {
  readonly kind: string;
  readonly pass: boolean;
  /** How many were compared. */
  readonly values: number;
  readonly text: string;
}

/** Trains an experiment on drawn images with portable numerics, up to an epoch or to its end. */
export async function portableVerdict(name: string, epochs?: number): Promise<PortableVerdict> {
  const folder = mkdtempSync(join(tmpdir(), 'portable-'));
  try {
    const line = ['--import', 'tsx', CHILD, name, join(folder, name)];
    if (epochs !== undefined) line.push(String(epochs));
    const { stdout } = await promisify(execFile)(process.execPath, line);
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
