import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { benchmarkId, isBenchmark, parseBenchmark } from '../harness/benchmark/experiment.ts';
import { tracedBenchmarkGraph } from '../harness/benchmark/traced_graph.ts';
import { type Experiment, experimentId, parseExperiment } from '../harness/experiment/spec.ts';
import { tracedGraph } from '../harness/run/traced_graph.ts';
import { readGolden } from '../harness/verify/golden.ts';
import { methods } from '../methods/index.ts';
import { tiny, tinyExperiment } from './tiny.ts';

const all = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && /^[0-9a-f]{12}$/.test(entry.name))
  .flatMap(({ name }) => {
    const folder = join(import.meta.dirname, name);
    return readdirSync(folder).map((file) => readGolden(join(folder, file)).record);
  });

const goldens = all.filter(({ experiment }) => !isBenchmark(experiment));
const benches = all.filter(({ experiment }) => isBenchmark(experiment));

const shape = { samples: 4096, classes: 10 };

/** Hash of the graph of an experiment's step, without its data. */
function graphOf(experiment: Experiment): Promise<string> {
  return tracedGraph(experiment, methods, shape);
}

// Options that layers gain must leave the steps of all experiments before them as they were, node by node.
describe('the graph of a step is that of the golden', () => {
  it.each(goldens.map((record) => [record.experiment.name, record] as const))(
    '%s',
    async (_, { experiment, graph }) => {
      expect(await graphOf(parseExperiment(experiment, methods))).toBe(graph);
    },
  );
});

// What a run computes from its data and weights is traced here without them.
describe('the graph of a benchmark is that of the golden', () => {
  it.each(benches.map((record) => [record.experiment.name, record] as const))(
    '%s',
    async (_, { experiment, graph }) => {
      const parsed = parseBenchmark(experiment, benchmarks);
      expect(await tracedBenchmarkGraph(parsed, benchmarks, shape)).toBe(graph);
    },
  );
});

/** As the code of today reads an experiment or a benchmark of a golden. */
function idOf(value: object): string {
  if (isBenchmark(value)) return benchmarkId(parseBenchmark(value, benchmarks));
  return experimentId(parseExperiment(value, methods));
}

// An option that is not given is not in the text of an experiment.
it.each(all.map((record) => [record.experiment.name, record] as const))(
  'the id of %s stays',
  (_, { experiment, experimentId: id }) => {
    expect(idOf(experiment)).toBe(id);
  },
);

describe('the graph of norms over replicas stays as it is', () => {
  it.each([
    [2, '9a9f08235b9c8cd60a4dee99e8e6371443bfbdcd3acfbcde3ea902837e88bad7'],
    [4, 'cac4311924711e207daa2e35dfa58831dc30f85ee27c49fc5bb28ce4df934e03'],
  ])('of %i replicas with equal batches', async (replicas, graph) => {
    const { neck, ...method } = tiny.method;
    const backbone = { ...tiny.backbone, norm: 'sync' };
    const changes = { backbone, batch: 4, method: { ...method, neck: { ...neck, norm: 'sync' } } };
    expect(await graphOf(tinyExperiment({ ...changes, replicas }))).toBe(graph);
  });
});
