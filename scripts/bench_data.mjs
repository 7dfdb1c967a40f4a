import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

const BATCH = 32;
const WARMUP = 64; // images, as in tools/torch/bench_data.py

const MOCO_V2 = [
  { kind: 'randomResizedCrop', scale: [0.2, 1] },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale', p: 0.2 },
  { kind: 'blur', sigma: [0.1, 2], p: 0.5 },
  { kind: 'flip', p: 0.5 },
];

await command(
  import.meta.url,
  {
    summary:
      "Time the data path of MoCo v2 against torchvision's; writes reports/data_speed.{json,md}.",
    options: {
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line' },
      python: { kind: 'text', value: 'FILE', help: 'Python with torch', default: 'python3' },
      images: { kind: 'int', help: 'timed in each run', default: 512, min: BATCH },
      rounds: { kind: 'int', help: 'runs of every side', default: 3, min: 1 },
      ours: { kind: 'flag', help: 'only our side, nothing written' },
      out: {
        kind: 'text',
        value: 'DIR',
        help: 'where to write',
        default: resolve(root, 'reports'),
      },
      date: { kind: 'text', value: 'DATE', help: 'date of the report (default: today)' },
    },
    examples: ['--files photographs.txt --python ~/torch/bin/python'],
  },
  async ({ options, print }) => {
    const { UserError } = await load('harness/base/errors.ts');
    if (options.files === undefined) throw new UserError('bench_data needs --files LIST');
    const files = readFileSync(options.files, 'utf8').trim().split('\n');
    const cores = availableParallelism();
    const workers = [1, cores];
    const sides = [
      ...workers.map((count) => ({ name: 'reprise', workers: count })),
      ...['pil', 'tensor', 'tensor9'].map((name) => ({ name, workers: cores })),
      { name: 'pil', workers: cores + 1 },
    ]
      .filter(({ name }) => name === 'reprise' || !options.ours)
      .map((side) => ({ ...side, imagesPerSecond: [], cpuMs: [] }));
    for (let round = 0; round < options.rounds; round++) {
      // The order is turned from round to round, so that no side always runs on a machine at rest.
      for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
        const { seconds, cpu_seconds: cpu } =
          side.name === 'reprise' ? await ours(files, side, options) : await torch(side, options);
        const rate = (options.images / seconds).toFixed(1);
        const cpuMs = ((1000 * cpu) / options.images).toFixed(2);
        side.imagesPerSecond.push(Number(rate));
        side.cpuMs.push(Number(cpuMs));
        process.stderr.write(
          `${side.name}, ${side.workers} workers: ${rate} images/s, ${cpuMs} ms of CPU each\n`,
        );
      }
    }
    if (options.ours) return print({ sides });
    const report = {
      date: options.date ?? new Date().toISOString().slice(0, 10),
      machine: { cpu: cpus()[0]?.model ?? 'unknown', cores },
      versions: await versions(options),
      images: options.images,
      warmup: WARMUP,
      files: files.length,
      sides,
    };
    const { dataMarkdown, dataReport, summariseData } = await load('reports/data_speed.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const checked = dataReport.parse(report);
    const json = `${JSON.stringify(checked, null, 2)}\n`;
    await writeAtomic(resolve(options.out, 'data_speed.json'), json);
    await writeAtomic(resolve(options.out, 'data_speed.md'), dataMarkdown(checked));
    print(summariseData(checked));
  },
);

/** Our loader over files taken as often as needed: seconds, and processor seconds of all threads. */
async function ours(files, { workers }, { images }) {
  const { startEngine } = await load('harness/engine/index.ts');
  await startEngine(); // as in training: the loader decodes by its library
  const { Loader } = await load('harness/data/loader/loader.ts');
  const { sourceSpec, viewSpec } = await load('harness/data/spec.ts');
  const folder = mkdtempSync(join(tmpdir(), 'reprise-'));
  try {
    const lines = Array.from({ length: images + WARMUP }, (_, i) => files[i % files.length]);
    writeFileSync(join(folder, 'list.txt'), `${lines.join('\n')}\n`);
    const list = { kind: 'list', root: '/', file: join(folder, 'list.txt') };
    const pipeline = viewSpec.parse(MOCO_V2);
    const loader = await Loader.open({
      spec: sourceSpec.parse(list),
      data: folder,
      seed: 0,
      pipelines: [pipeline, pipeline],
      size: 224,
      replicas: 1,
      batch: BATCH,
      dropLast: false,
      replacement: false,
      draws: [],
      workers,
    });
    let seen = 0;
    let start = 0;
    let before = process.cpuUsage();
    for await (const { indices } of loader.epoch(0)) {
      if (seen === WARMUP) {
        start = performance.now();
        before = process.cpuUsage();
      }
      seen += indices.length;
    }
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    await loader.dispose();
    return { seconds, cpu_seconds: (user + system) / 1e6 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function torch({ name, workers }, { python, files, images }) {
  const script = resolve(root, 'tools/torch/bench_data.py');
  const counts = { workers, batch: BATCH, images, warmup: WARMUP, backend: name };
  const flags = Object.entries(counts).flatMap(([key, value]) => [`--${key}`, String(value)]);
  return lastLine([python, script, '--files', resolve(files), ...flags]);
}

function versions({ python }) {
  const names = ['torch', 'torchvision', 'PIL'];
  const pairs = names.map((name) => `"${name.replace('PIL', 'pillow')}": ${name}.__version__`);
  const code = `import json, ${names}; print(json.dumps({${pairs}}))`;
  return lastLine([python, '-c', code]);
}

/** The JSON on the last line that a command prints. */
function lastLine([file, ...args]) {
  return new Promise((done, fail) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: root });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => {
      if (code !== 0) return fail(new Error(`${[file, ...args].join(' ')} ended with ${code}`));
      done(JSON.parse(text.trim().split('\n').at(-1)));
    });
  });
}
