import { duration } from '../log/log_format.ts';
import { layoutRows, origin } from '../run/dry_run_text.ts';
import type { BenchmarkDryRun, DrySet } from './dry_run.ts';
import type { BenchmarkExperiment } from './experiment.ts';

/** A dry run of a benchmark for people. */
export function dryBenchmarkText(experiment: BenchmarkExperiment, found: BenchmarkDryRun): string {
  const { name, weights, backbone, sobel } = experiment;
  const what =
    weights.kind === 'random' ? 'random weights' : `weights ${weights.sha256.slice(0, 12)}`;
  const rows = [
    ['benchmark', `${name} on ${what}, ResNet-${backbone.depth}${sobel ? ' behind Sobel' : ''}`],
    ...(found.way === 'frozen' ? frozenRows(found) : trainedRows(found)),
  ];
  return rows.map(([left = '', right = '']) => `${left.padEnd(12)}${right}`).join('\n');
}

function frozenRows({ sets, units }: Extract<BenchmarkDryRun, { way: 'frozen' }>): string[][] {
  return [...sets.map((set) => [set.set, setText(set)]), ['units', unitText(units)]];
}

function setText({ images, layers, bytes, seconds, imagesPerSecond }: DrySet): string {
  const count =
    images === undefined
      ? 'images: not known before they are opened'
      : `${images.count.toLocaleString('en-US')} images (by ${images.from})`;
  const widths = layers.map(({ layer, pooling, width }) => `${layer} ${pooling} ${width}`);
  const rate = `${imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0)} images/s measured here`;
  const size = bytes === undefined ? '' : `, ${(bytes / 2 ** 20).toFixed(1)} MiB of features`;
  const time = seconds === undefined ? '' : `: ${duration(seconds)} without reading them`;
  return `${count}; ${widths.join(', ')}${size}; ${rate}${time}`;
}

const SHOWN = 12;

function unitText(units: readonly string[]): string {
  const more = units.length > SHOWN ? `, … ${units.at(-1)}` : '';
  return `${units.length}: ${units.slice(0, SHOWN).join(', ')}${more}`;
}

type Trained = Extract<BenchmarkDryRun, { way: 'trained' }>;

function trainedRows(found: Trained): string[][] {
  const { cells, each } = found;
  const { images, stepsPerEpoch, stepSeconds, etaSeconds, peakBytes } = each;
  const long = etaSeconds === undefined ? 'not known' : duration(etaSeconds * cells.length);
  return [
    ['runs', unitText(cells)],
    ['images', images === undefined ? 'not known' : `${images.count} (by ${images.from})`],
    [
      'step',
      `${(1000 * stepSeconds).toFixed(0)} ms, ${stepsPerEpoch ?? 'not known how many'} an epoch (${origin(each)})`,
    ],
    ['iterations', iterationsText(found)],
    ...layoutRows(found, each),
    [
      'memory',
      `${(peakBytes / 2 ** 30).toFixed(1)} GiB at the peak of a step${each.layout.processes === 1 ? '' : ', each process'} (${origin(each)})`,
    ],
    ['training', `${long} for all runs, without loading data and evaluation (computed)`],
  ];
}

function iterationsText({ steps, stepImages, each: { images } }: Trained): string {
  if (steps === undefined) return 'not known';
  const passes =
    images === undefined
      ? ''
      : `: ${((steps * stepImages) / images.count).toFixed(1)} times all of them`;
  return `${steps.toLocaleString('en-US')} a run, of ${stepImages} images${passes}`;
}
