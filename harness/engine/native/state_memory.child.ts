import { readFileSync, writeFileSync } from 'node:fs';
import { hostArray, zeros } from '../array.ts';
import { startEngine } from '../index.ts';
import { Program } from '../program.ts';
import { type Tensor, tf } from '../tf.ts';

/** What setting and reading a state of `bytes` takes beyond what was there before, in bytes. */
export interface StateMemory {
  readonly bytes: number;
  readonly writing: number;
  readonly reading: number;
  /** Setting a bank of `bank` bytes that is there already, and steps that read it and change rows of it. */
  readonly bank: number;
  readonly rewriting: number;
  readonly stepping: number;
  /** Reading also gave back what was written. */
  readonly same: boolean;
}

const COUNT = 16;
const ROWS = 8;
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

async function ofBank(program: Program) {
  program.state('bank', { dtype: 'float32', shape: [ROWS, ELEMENTS] });
  const write = (x: number) => {
    const values = hostArray(
      'float32',
      [ROWS, ELEMENTS],
      new Float32Array(ROWS * ELEMENTS).fill(x),
    );
    return () => program.writeState('bank', values);
  };
  await write(1)();
  const rewriting = await rise(write(2));
  program.entry('step', {
    inputs: { row: { dtype: 'float32', shape: [1, ELEMENTS] } },
    build: (io) => {
      const bank = io.read('bank');
      const at = (n: number) => tf.tensor1d([n], 'int32');
      const row = io.inputs.row as Tensor;
      io.apply('ResourceStridedSliceAssign', ['bank'], [at(3), at(4), at(1), row]);
      return { sum: tf.sum(tf.slice(bank, [3, 0], [1, 10])) };
    },
  });
  const stepping = await rise(async () => {
    const row = new Float32Array(ELEMENTS).fill(5);
    for (let step = 0; step < 3; step++) await program.run('step', { row });
  });
  return { rewriting, stepping };
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
  const bank = { bank: ELEMENTS * ROWS * 4, ...(await ofBank(program)) };
  program.dispose();
  return { bytes: BYTES, writing, reading, ...bank, same };
}

process.stdout.write(`${JSON.stringify(await measure())}\n`);
