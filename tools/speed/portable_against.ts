import { resolve } from 'node:path';
import { writeAtomic } from '../../harness/base/index.ts';
import {
  type PortableReport,
  portableMarkdown,
  portableReport,
} from '../../reports/portable_speed.ts';
import { root } from '../command/root.ts';
import { processor, today } from './machine.ts';
import { inOrder } from './pairs.ts';
import { startTimed } from './timed_process.ts';

export interface PortableOptions {
  /** Turns of each side. */
  readonly pairs: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

const WARMUP = 2;
const CASES = [
  { depth: 18, size: 32, batch: 64, steps: 10 },
  { depth: 50, size: 224, batch: 8, steps: 2 },
] as const;
const SIDES = ['native', 'portable'] as const;

/** Times steps of MoCo with portable numerics beside native ones, and writes the report. */
export async function portableAgainst({
  pairs,
  out,
  date,
}: PortableOptions): Promise<{ readonly report: PortableReport; readonly page: string }> {
  const cases = [];
  for (const { steps, ...shape } of CASES)
    cases.push({ method: 'moco', ...shape, pairs: await inPairs(shape, steps, pairs) });
  const report = portableReport.parse({ date: date ?? today(), machine: processor(), cases });
  const page = portableMarkdown(report);
  const text = `${JSON.stringify(report, null, 1)}\n`;
  await writeAtomic(resolve(out, 'portable_speed.json'), text);
  await writeAtomic(resolve(out, 'portable_speed.md'), page);
  return { report, page };
}

/** Both sides in processes of their own that take turns, each side first in every other pair. */
async function inPairs(shape: Readonly<Record<string, number>>, steps: number, pairs: number) {
  const line = Object.entries({ ...shape, steps: WARMUP + pairs * steps, warmup: 0 });
  const own = line.flatMap(([key, value]) => [`--${key}`, String(value)]);
  const start = (numerics: string) => {
    const script = resolve(root, 'scripts/perf.mjs');
    const more = ['--turns', '--json', '--numerics', numerics];
    return startTimed(['npx', 'zx', script, '--method', 'moco', ...own, ...more]);
  };
  const sides = { native: start('native'), portable: start('portable') };
  try {
    for (const side of SIDES) await sides[side].turn(WARMUP);
    const found = [];
    for (let i = 0; i < pairs; i++) {
      const pair = await inOrder(i, SIDES, async (side) => (await sides[side].turn(steps)).step_ms);
      const [native, portable] = SIDES.map((side) => pair[side].toFixed(1));
      process.stderr.write(`pair ${i + 1}: native ${native}, portable ${portable} ms\n`);
      found.push(pair);
    }
    for (const side of SIDES) await sides[side].result();
    return found;
  } finally {
    for (const side of SIDES) sides[side].stop();
  }
}
