import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

const run = promisify(execFile);

await command(
  import.meta.url,
  {
    summary:
      'Time k-means against scikit-learn and faiss; writes reports/clustering_speed.{json,md}.',
    options: {
      python: {
        kind: 'text',
        value: 'FILE',
        help: 'Python with the libraries',
        default: 'python3',
      },
      against: {
        kind: 'list',
        value: 'NAME',
        help: 'sklearn, faiss; may be repeated (default: sklearn)',
      },
      count: { kind: 'int', help: 'points', default: 100000, min: 1 },
      width: { kind: 'int', help: 'numbers of a point', default: 256, min: 1 },
      clusters: { kind: 'int', help: 'clusters', default: 1000, min: 1 },
      iterations: { kind: 'int', help: 'moves of the centroids', default: 20, min: 1 },
      rounds: { kind: 'int', help: 'runs of each side', default: 3, min: 1 },
      out: {
        kind: 'text',
        value: 'DIR',
        help: 'where to write',
        default: resolve(root, 'reports'),
      },
      date: { kind: 'text', value: 'DATE', help: 'date of the report (default: today)' },
      side: { kind: 'text', value: 'DIR', help: 'only time our side on the points of DIR' },
    },
    examples: ['--python ~/torch/bin/python --against sklearn --against faiss'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      print(await ours(options.side, options));
      return;
    }
    const { clusteringMarkdown, clusteringReport, summariseClustering } = await load(
      'reports/clustering_speed.ts',
    );
    const folder = await mkdtemp(join(tmpdir(), 'clustering-'));
    try {
      await writePoints(folder, options);
      const { count, width, clusters, iterations, date } = options;
      const report = clusteringReport.parse({
        date: date ?? new Date().toISOString().slice(0, 10),
        machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() },
        count,
        width,
        clusters,
        iterations,
        sides: await rounds(folder, options),
      });
      const { writeAtomic } = await load('harness/base/files.ts');
      const text = `${JSON.stringify(report, null, 2)}\n`;
      await writeAtomic(resolve(options.out, 'clustering_speed.json'), text);
      const page = clusteringMarkdown(report);
      await writeAtomic(resolve(options.out, 'clustering_speed.md'), page);
      print({ sides: summariseClustering(report) }, page);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

/** Rows of normal numbers, scaled to length 1, and as first centroids some of them. */
async function writePoints(folder, { count, width, clusters }) {
  const { fillNormal, stream } = await load('harness/random/stream.ts');
  const points = fillNormal(stream(0, 'points'), new Float32Array(count * width), 1);
  for (let row = 0; row < count; row++) {
    const own = points.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
    own.forEach((x, i) => {
      own[i] = x / length;
    });
  }
  const places = stream(0, 'init').permutation(count).slice(0, clusters);
  const init = new Float32Array(clusters * width);
  places.forEach((place, c) => {
    init.set(points.subarray(place * width, (place + 1) * width), c * width);
  });
  await writeFile(join(folder, 'points'), points);
  await writeFile(join(folder, 'init'), init);
}

async function rounds(folder, options) {
  const { python, against, width, clusters, iterations } = options;
  const script = resolve(root, 'tools/torch/bench_clustering.py');
  const sizes = ['--width', width, '--iterations', iterations].map(String);
  const files = [join(folder, 'points'), join(folder, 'init')];
  const own = [fileURLToPath(import.meta.url), '--json', '--side', folder, ...sizes];
  const libraries = against.length > 0 ? against : ['sklearn'];
  const sides = [
    { name: 'reprise', call: [process.execPath, [...own, '--clusters', String(clusters)]] },
    ...libraries.map((name) => ({ name, call: [python, [script, name, ...files, ...sizes]] })),
  ].map((side) => ({ ...side, runs: [] }));
  for (let round = 0; round < options.rounds; round++)
    for (const { call, runs } of sides) {
      const { stdout } = await run(...call);
      runs.push(JSON.parse(stdout.trim().split('\n').at(-1)));
    }
  return sides.map(({ name, runs }) => ({ name, runs }));
}

async function ours(folder, { width, clusters, iterations }) {
  const floats = async (name) => {
    const { buffer, byteOffset, byteLength } = await readFile(join(folder, name));
    return new Float32Array(buffer, byteOffset, byteLength / 4);
  };
  const { startEngine } = await load('harness/engine/index.ts');
  const { kMeans } = await load('harness/clustering/kmeans.ts');
  const { stream } = await load('harness/random/stream.ts');
  const [points, init] = [await floats('points'), await floats('init')];
  await startEngine();
  const begin = performance.now();
  const found = await kMeans(points, width, {
    clusters,
    iterations,
    init,
    stream: (purpose) => stream(0, purpose),
  });
  const seconds = (performance.now() - begin) / 1000;
  const { version } = JSON.parse(await readFile(resolve(root, 'package.json'), 'utf8'));
  return { version, seconds, iterations: found.iterations, inertia: found.inertia };
}
