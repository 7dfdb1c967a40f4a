import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { tiny } from './tiny.ts';

const SCRIPT = fileURLToPath(new URL('../scripts/train.mjs', import.meta.url));
const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
const has = (feature: string) => new RegExp(`\\b${feature}\\b`).test(cpuinfo);

/** @returns the warnings of bf16 on stderr */
async function warned(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const env = { ...process.env, ...environment };
  const { stderr } = await promisify(execFile)(process.execPath, [SCRIPT, ...args], { env });
  return stderr.match(/warning: precision: bf16 takes [\d.]+ times as long/g) ?? [];
}

// Two times are compared: on a machine that is busy with something else one try may find nothing.
test.runIf(has('avx512bw'))(
  'a run and a dry run say once that bf16 is slow where it is; nothing of it is in the record',
  { retry: 2 },
  () =>
    inTemporaryFolder('slow', async (folder) => {
      const experiment = join(folder, 'tiny.json');
      writeFileSync(experiment, JSON.stringify({ ...tiny, precision: 'bf16', epochs: 1 }));
      const without = { ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' };
      expect(await warned([experiment, '--dry_run'], without)).toHaveLength(1);
      const work = join(folder, 'run');
      expect(await warned([experiment, '--work_dir', work], without)).toHaveLength(1);
      const telling = readdirSync(work).filter(
        (name) =>
          /\.(json|jsonl|csv)$/.test(name) &&
          readFileSync(join(work, name)).includes('times as long'),
      );
      expect(telling).toEqual([]);
      if (has('avx512_bf16')) expect(await warned([experiment, '--dry_run'], {})).toEqual([]);
    }),
);
