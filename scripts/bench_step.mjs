import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';
import { scaleFor } from './perf_methods.mjs';
import { commandOf } from './turns.mjs';

const SHAPES = [
  { depth: 50, size: 224, batch: 8, target: { fp32: 1.05, bf16: 1.15 }, steps: 2 },
  { depth: 18, size: 32, batch: 64, target: { fp32: 1.2, bf16: 1.2 }, steps: 20 },
];
const LOOPS = [
  { depth: 50, size: 224, batch: 8, target: { fp32: 1.3, bf16: 1.3 }, steps: 10 },
  { depth: 18, size: 32, batch: 64, target: { fp32: 1.3, bf16: 1.3 }, steps: 20 },
];
const FEATURES = /^(avx2|fma|avx512f|avx512_bf16|avx512_vnni|avx_vnni|amx_tile|amx_bf16)$/;

/** Methods by the names of the two scripts in PyTorch; whatever torch_reference.py has, it times. */
const METHODS = {
  moco: 'moco',
  simclr: 'simclr',
  byol: 'byol',
  rotation: 'rotation',
  relative_loc: 'relative_loc',
  deepcluster: 'deepcluster',
  npid: 'npid',
  odc: 'odc',
  barlow_twins: 'barlow_twins',
  supervised: 'supervised',
};
const REFERENCE = ['moco', 'simclr', 'byol', 'rotation'];

/** Steps of each side before the first turn that counts. */
const WARMUP = 2;

/** Steps over which ODC's work at every tenth step is spread evenly. */
const EVEN = 10;

/** Every case: by method, step before loop; `steps` are those of a turn, or of a loop's run. */
const CASES = Object.keys(METHODS).flatMap((method) =>
  [
    ...SHAPES.map((shape) => ({ method, kind: 'step', ...shape })),
    ...(method === 'moco' ? LOOPS.map((shape) => ({ method, kind: 'loop', ...shape })) : []),
  ].flatMap(({ target, steps, ...shape }) =>
    ['fp32', 'bf16'].map((precision) => ({
      ...shape,
      precision,
      target: target[precision],
      steps: method === 'odc' ? Math.max(steps, EVEN) : steps,
    })),
  ),
);

await command(
  import.meta.url,
  {
    summary: 'Time training steps against PyTorch, turn by turn; writes reports/speed.{json,md}.',
    options: {
      python: { kind: 'text', value: 'FILE', help: 'Python with torch', default: 'python3' },
      reference: {
        kind: 'text',
        value: 'FILE',
        help: 'the script that times a step in PyTorch',
        default: resolve(root, '../shared/perf/torch_reference.py'),
      },
      pairs: { kind: 'int', help: 'turns, or runs of a loop, of each side', default: 12, min: 1 },
      method: {
        kind: 'list',
        value: 'NAME',
        choices: [...Object.keys(METHODS), 'all'],
        help: 'whose cases; may be repeated (default: moco)',
      },
      case: {
        kind: 'list',
        value: 'NAME',
        help: "e.g. 'npid step 50/224/8 fp32'; may be repeated",
      },
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line; adds the loop cases' },
      peak: { kind: 'flag', help: 'also measure the matrix-product rate' },
      out: {
        kind: 'text',
        value: 'DIR',
        help: 'where to write',
        default: resolve(root, 'reports'),
      },
      date: { kind: 'text', value: 'DATE', help: 'date of the report (default: today)' },
    },
    examples: [
      "--python ~/torch/bin/python --case 'moco step 18/32/64 fp32'",
      '--python ~/torch/bin/python --method simclr --method byol',
    ],
  },
  async ({ options, print }) => {
    const { caseName, speedMarkdown, speedReports, summarise } = await load('reports/speed.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const wanted = chosen(options, caseName);
    const json = resolve(options.out, 'speed.json');
    const kept = existsSync(json) ? speedReports.parse(JSON.parse(readFileSync(json, 'utf8'))) : [];
    const here = machine();
    const isHere = (one) => isDeepStrictEqual(one.machine, here);
    let report = {
      ...(kept.find(isHere) ?? { cases: [] }),
      date: options.date ?? new Date().toISOString().slice(0, 10),
      machine: here,
    };
    if (options.peak) report.peak = await matrixPeak(options);
    for (const one of wanted) {
      const { steps, ...shape } = one;
      const measured =
        one.kind === 'step'
          ? { ...shape, turn: steps, pairs: await turnsInPairs(one, options) }
          : { ...shape, pairs: await runsInPairs(one, options) };
      report = { ...report, cases: merged(report.cases, measured, caseName) };
      const reports = speedReports.parse([...kept.filter((one) => !isHere(one)), report]);
      // After every case: a run that is cut short keeps what it has.
      await writeAtomic(json, `${JSON.stringify(reports, null, 2)}\n`);
      await writeAtomic(resolve(options.out, 'speed.md'), speedMarkdown(reports));
      print({ case: caseName(one), ...summarise(measured) });
    }
  },
);

function chosen({ case: names, method: methods, files }, caseName) {
  const known = CASES.filter(({ kind }) => kind === 'step' || files !== undefined);
  for (const name of names) {
    if (known.some((one) => caseName(one) === name)) continue;
    const list = known.map((one) => `'${caseName(one)}'`).join(', ');
    const error = new Error(`--case: found '${name}', expected one of ${list}`);
    throw Object.assign(error, { name: 'UserError' });
  }
  const wanted = methods.length === 0 && names.length === 0 ? ['moco'] : methods;
  const asked = ({ method }) => wanted.includes('all') || wanted.includes(method);
  return known.filter((one) => names.includes(caseName(one)) || asked(one));
}

/** Both sides in processes of their own that take turns, each side first in every other pair. */
async function turnsInPairs(one, options) {
  const { timedRun } = await load('reports/speed.ts');
  const extra = REFERENCE.includes(one.method) ? 0 : 1; // the reference's own step, see perf_methods.py
  const steps = WARMUP + options.pairs * one.steps;
  const sides = {
    ours: commandOf(oursCommand({ ...one, steps }, options)),
    torch: commandOf(stepCommand({ ...one, steps }, options)),
  };
  try {
    await sides.ours.turn(WARMUP);
    await sides.torch.turn(WARMUP + extra);
    const turns = [];
    for (let i = 0; i < options.pairs; i++) {
      const turn = {};
      for (const side of orderOf(i)) turn[side] = await sides[side].turn(one.steps);
      turns.push(turn);
      process.stderr.write(
        `pair ${i + 1}: ${turn.ours.step_ms.toFixed(1)} against ${turn.torch.step_ms.toFixed(1)} ms\n`,
      );
    }
    const [ours, torch] = [await sides.ours.result(), await sides.torch.result()];
    const of = (result, turn) =>
      timedRun.parse({ ...result, ...turn, images_per_second: (1e3 * one.batch) / turn.step_ms });
    return turns.map((turn) => ({ ours: of(ours, turn.ours), torch: of(torch, turn.torch) }));
  } finally {
    for (const side of Object.values(sides)) side.stop();
  }
}

/** Whole runs of a loop, whose loader processes would not wait for a turn. */
async function runsInPairs(one, options) {
  const { timedRun } = await load('reports/speed.ts');
  const sides = { ours: oursCommand(one, options), torch: await loopCommand(one, options) };
  const pairs = [];
  for (let i = 0; i < options.pairs; i++) {
    const pair = {};
    for (const side of orderOf(i))
      pair[side] = timedRun.parse(await commandOf(sides[side]).result());
    process.stderr.write(
      `pair ${i + 1}: ${pair.ours.images_per_second} against ${pair.torch.images_per_second} images/s\n`,
    );
    pairs.push({ ours: pair.ours, torch: pair.torch });
  }
  return pairs;
}

// Turned from pair to pair, so that a machine that warms up favours neither side.
function orderOf(pair) {
  return pair % 2 === 0 ? ['ours', 'torch'] : ['torch', 'ours'];
}

function shapeLine({ depth, size, batch, precision, steps }) {
  return lineOf({ depth, size, batch, precision, steps });
}

function lineOf(values) {
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}

function oursCommand(one, { files }) {
  const data = one.kind === 'loop' ? ['--files', files] : ['--turns', '--warmup', '0'];
  const line = ['--method', one.method, ...shapeLine(one), ...data, '--json'];
  return ['npx', 'zx', resolve(root, 'scripts/perf.mjs'), ...line];
}

async function loopCommand(one, { python, files }) {
  const script = resolve(root, 'tools/torch/train_loop.py');
  const base = [python, script, '--files', files, ...shapeLine(one), '--workers'];
  let best = { workers: 0, rate: 0 };
  for (const workers of [0, 1, 2]) {
    const { images_per_second: rate } = await commandOf([...base, String(workers)]).result();
    process.stderr.write(`PyTorch with ${workers} loader processes: ${rate} images/s\n`);
    if (rate > best.rate) best = { workers, rate };
  }
  return [...base, String(best.workers)];
}

function stepCommand(one, { python, reference }) {
  const line = ['--method', METHODS[one.method], ...shapeLine(one), '--warmup', '0'];
  const turns = [python, resolve(root, 'tools/torch/in_turns.py')];
  if (REFERENCE.includes(one.method)) return [...turns, reference, ...line];
  const script = resolve(root, 'tools/torch/perf_methods.py');
  const scale = lineOf(scaleFor(one.method, one.size));
  return [...turns, script, '--reference', reference, ...line, ...scale];
}

async function matrixPeak({ python }) {
  const lines = await commandOf([python, resolve(root, 'tools/torch/matmul_peak.py')]).rest();
  const best = (precision) =>
    Math.max(...lines.filter((line) => line.precision === precision).map(({ gflops }) => gflops));
  return { fp32: best('fp32'), bf16: best('bf16') };
}

function merged(cases, measured, caseName) {
  const order = CASES.map(caseName);
  const others = cases.filter((one) => caseName(one) !== caseName(measured));
  return [...others, measured].sort(
    (a, b) => order.indexOf(caseName(a)) - order.indexOf(caseName(b)),
  );
}

function machine() {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const line = (key) => new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(info)?.[1];
  const flags = line('flags')?.split(' ') ?? [];
  const [family, model] = [line('cpu family'), line('model')];
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    ...(family && model ? { model: `family ${family} model ${model}` } : {}),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    features: flags.filter((flag) => FEATURES.test(flag)),
  };
}
