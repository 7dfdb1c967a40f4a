import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawnBenchmark } from '../../harness/benchmark/drawn.ts';
import { picturesIn } from '../../harness/benchmark/pictures.ts';
import { runBenchmark } from '../../harness/benchmark/run.ts';
import { trainedExperiments } from '../../harness/benchmark/trained.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import { cocoResults, vocScores } from '../../harness/evaluation/object_scores.ts';
import { metricsOf } from '../../harness/record/entries.ts';
import { methods } from '../../methods/index.ts';
import { writeBenchmarkReport } from '../../reports/benchmark_report.ts';
import { standingsOf } from '../../reports/standing.ts';
import { detection } from './benchmark.ts';
import { drawDetections } from './draw.ts';
import { jittered } from './jittered.fixture.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawn-detections-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const benchmarks = { detection };
const experiment = drawnBenchmark('detection', benchmarks, [
  'backbone.width=0.0625',
  'benchmark.batch=2',
  'benchmark.iterations=2',
  'benchmark.period=2',
  'benchmark.warmup.iterations=1',
  'benchmark.steps=[1]',
  'benchmark.data.test.count=6',
  'benchmark.preciseNorms.batches=1',
  'benchmark.judge.untrained=false',
  'benchmark.detector.roi.count=8',
]);

describe('a finished run of the benchmark', () => {
  it('has results for other tools, pictures and a page, which its report links', async () => {
    const options = {
      ...{ experiment, benchmarks, data: folder, workDir: join(folder, 'run'), workers: 0 },
      ...{ terminal: { write: () => true } as never, pictures: true },
    };
    const { record, workDir, pages = [], finished } = await runBenchmark(options);
    expect({ finished, pages }).toEqual({ finished: true, pages: ['detection.md'] });
    const pictures = picturesIn(workDir).map(({ file }) => file);
    expect(pictures).toContain('pictures/boxes_curves.svg');
    expect(readdirSync(join(workDir, 'pictures')).sort()).toEqual(
      [...pictures.map((file) => file.slice('pictures/'.length)), 'pictures.json'].sort(),
    );
    expect(readdirSync(join(workDir, 'results'))).toEqual(['coco_boxes_results.json']);
    // The page judges the written results anew; the record has what the trainer said of them.
    const { AP = Number.NaN, AP50 = Number.NaN } = metricsOf(record.final ?? {});
    expect(readFileSync(join(workDir, 'detection.md'), 'utf8')).toMatch(
      new RegExp(`\\| boxes \\| +${AP.toFixed(2)} \\| +${AP50.toFixed(2)} \\|`),
    );
    const report = readFileSync(
      await writeBenchmarkReport(workDir, record, ['detector'], pages),
      'utf8',
    );
    for (const file of [...pages, ...pictures]) expect(report).toContain(`](${file})`);
    // The zoo says of a record whether it is one of today's code.
    const standings = await standingsOf([{ key: 'a', record }], { methods, benchmarks });
    expect(standings.get('a')).toEqual({ kind: 'today' });
    // What it would be made of is gone: the run is as finished as it was.
    rmSync(join(workDir, 'detector', 'detections.json'));
    const again = await runBenchmark({ ...options, resumeFrom: 'auto' });
    expect(again.pages).toEqual([]);
    expect(again.record.seal).toBe(record.seal);
  }, 600_000);
});

describe('what a detector found, from the file of its run', () => {
  const bound = detection.bindBenchmark(experiment.benchmark);
  const [[, own] = expect.unreachable()] =
    bound.way === 'trained' ? trainedExperiments(experiment, bound) : [];

  it.each([
    ['voc', '11_point'],
    ['voc12', 'area'],
  ] as const)('is judged by the rule of %s', async (judging, rule) => {
    const spec = own.evaluation?.test;
    if (spec?.kind !== 'drawnObjects') return expect.unreachable();
    const source = await openObjects(spec, { data: '' });
    const found = jittered(source, { masks: false });
    const workDir = join(folder, judging);
    const run = { cell: 'detector', experiment: own, folder: join(workDir, 'detector') };
    mkdirSync(run.folder, { recursive: true });
    writeFileSync(join(run.folder, 'detections.json'), [...cocoResults(source, found)].join(''));
    const drawing = { runs: [run], workDir, title: 'T', data: '', signal: undefined };
    expect(await drawDetections(judging, drawing)).toEqual(['detection.md']);
    const { AP, AP50, AP75, apOfEach } = vocScores(source, found, rule);
    const page = readFileSync(join(workDir, 'detection.md'), 'utf8');
    const numbers = [AP, AP50, AP75].map((value) => `${value.toFixed(2)} \\|`);
    expect(page).toMatch(new RegExp(`\\| boxes \\| +${numbers.join(' +')}`));
    for (const [label, name] of source.classes.entries())
      expect(page).toMatch(
        new RegExp(
          `\\| ${name} +\\| +\\d+ \\| +[\\d.]+ \\| +${(100 * (apOfEach[label] ?? -1)).toFixed(1)} \\|`,
        ),
      );
    expect(readdirSync(join(workDir, 'results'))).toHaveLength(source.classes.length);
  });
});
