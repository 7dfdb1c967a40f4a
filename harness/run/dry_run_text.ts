import type { Experiment } from '../experiment/index.ts';
import { duration } from '../log/log_format.ts';
import type { DryRun } from './dry_run.ts';

/** A dry run for people: what was measured, and what was computed from that. */
export function dryRunText(experiment: Experiment, found: DryRun): string {
  const { name, replicas, batch, precision, epochs, accumulate } = experiment;
  const shape = `${replicas} x ${batch} images${accumulate > 1 ? `, ${accumulate} steps an update` : ''}`;
  const { parameters } = found;
  const rows = [
    ['experiment', `${name}, ${precision}, ${shape}`],
    [
      'parameters',
      `${millions(parameters.total)} (backbone ${millions(parameters.backbone)}, trainable ${millions(parameters.trainable)})`,
    ],
    ['graph', `${found.nodes} operations, traced in ${found.traceSeconds.toFixed(1)} s`],
    ['state', `${gibibytes(found.stateBytes)}: weights, momentum, queues, statistics (computed)`],
    ['memory', `${gibibytes(found.peakBytes)} at the peak of a step (${origin(found)})`],
    [
      'step',
      `${seconds(found.stepSeconds)}, ${rate(experiment, found)} images/s (${origin(found)})`,
    ],
    ['epoch', epochText(found)],
    ['training', `${epochs} epochs${etaText(found)}`],
  ];
  return rows.map(([left = '', right = '']) => `${left.padEnd(12)}${right}`).join('\n');
}

function origin({ full, small }: DryRun): string {
  if (full !== undefined)
    return `measured here: ${full.steps} step${full.steps === 1 ? '' : 's'} of random images`;
  if (small === undefined) return 'not known';
  return `computed: scaled up by images from ${small.steps} steps of ${small.replicas} x ${small.batch} measured here`;
}

function epochText({ images, stepsPerEpoch }: DryRun): string {
  if (images === undefined || stepsPerEpoch === undefined)
    return 'length not known: the data are not here';
  const count = images.count.toLocaleString('en-US');
  return `${stepsPerEpoch.toLocaleString('en-US')} steps of ${count} images (by ${images.from})`;
}

function etaText({ etaSeconds }: DryRun): string {
  if (etaSeconds === undefined) return '';
  return `, ${duration(etaSeconds)} on this machine without loading data and evaluation (computed)`;
}

function rate({ replicas, batch }: Experiment, { stepSeconds }: DryRun): string {
  const images = (replicas * batch) / stepSeconds;
  return images.toFixed(images < 100 ? 1 : 0);
}

function millions(count: number): string {
  return `${(count / 1e6).toPrecision(5)} M`;
}

function gibibytes(bytes: number): string {
  return bytes < 2 ** 30
    ? `${(bytes / 2 ** 20).toFixed(0)} MiB`
    : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function seconds(value: number): string {
  return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`;
}
