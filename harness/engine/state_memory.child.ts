import { readFileSync, writeFileSync } from 'node:fs';
import { hostArray, zeros } from './array.ts';
import { startEngine } from './index.ts';
import { Program } from './program.ts';

/** What setting and reading a state of `bytes` takes beyond what was there before, in bytes. */
export interface StateMemory {
  readonly bytes: number;
  readonly writing: number;
  readonly reading: number;
  /** Reading also gave back what was written. */
  readonly same: boolean;
}

const COUNT = 16;
const ELEMENTS = 6_553_600; // 25 MiB each, 400 MiB in all
const BYTES = COUNT * ELEMENTS * 4;

function memory(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

/** How far the resident memory rises above its start while `body` runs. */
async function rise(body: () => Promise<unknown>): Promise<number> {
  const before = memory('VmRSS');
  writeFileSync('/proc/self/clear_refs', '5'); // the peak is what is resident now
  await body();
  return memory('VmHWM') - before;
}

async function measure(): Promise<StateMemory> {
  await startEngine();
  const program = new Program();
  const names = Array.from({ length: COUNT }, (_, i) => `w${i}`);
  for (const name of names) program.state(name, { dtype: 'float32', shape: [ELEMENTS] });
  program.state('small', { dtype: 'float32', shape: [1] });
  await program.writeState('small', zeros('float32', [1])); // what the first run of all makes
  const values = names.map((name, i) => {
    const data = new Float32Array(ELEMENTS).fill(i + 1);
    return [name, hostArray('float32', [ELEMENTS], data)] as const;
  });
  const writing = await rise(() => program.writeStates(values));
  let same = true;
  const reading = await rise(async () => {
    const found = await program.readStates(names);
    same = found.every(({ data }, i) => data[0] === i + 1 && data[ELEMENTS - 1] === i + 1);
  });
  program.dispose();
  return { bytes: BYTES, writing, reading, same };
}

process.stdout.write(`${JSON.stringify(await measure())}\n`);
