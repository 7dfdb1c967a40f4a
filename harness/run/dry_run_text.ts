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
    ...layoutRows(experiment, found),
    ['memory', `${gibibytes(found.peakBytes)} at the peak of a step${memoryText(found)}`],
    ...trafficRows(found),
    [
      'step',
      `${seconds(found.stepSeconds)}, ${rate(experiment, found)} images/s (${origin(found)})${sharedText(found)}`,
    ],
    ['epoch', epochText(found)],
    ['training', `${epochs} epochs${etaText(found)}`],
  ];
  return rows.map(([left = '', right = '']) => `${left.padEnd(12)}${right}`).join('\n');
}

/** How replicas lie, where they are not side by side in one process. */
export function layoutRows(
  { replicas }: Pick<Experiment, 'replicas'>,
  { layout }: DryRun,
): string[][] {
  const { processes, sequential } = layout;
  if (processes === 1 && !sequential) return [];
  const each = replicas / processes;
  const order = each === 1 ? '' : sequential ? ', one after another' : ', side by side';
  const many = processes === 1 ? '1 process' : `${processes} processes`;
  return [['layout', `${many} of ${each} replica${each === 1 ? '' : 's'}${order}`]];
}

function memoryText(found: DryRun): string {
  const { processes } = found.layout;
  const all =
    processes === 1
      ? ''
      : ` of one process, ${gibibytes(processes * found.peakBytes)} of all together`;
  return `${all} (${origin(found)})`;
}

function trafficRows({ layout, traffic, computeSeconds }: DryRun): string[][] {
  if (layout.processes === 1) return [];
  const volume = `${(traffic.bytes / 1e6).toFixed(1)} MB in ${traffic.collectives} collectives`;
  const time = `${seconds(traffic.seconds)} at ${layout.link} Gbit/s`;
  return [
    [
      'computing',
      `${seconds(computeSeconds)} a step, each process alone on a machine like this one`,
    ],
    ['sending', `${volume} a process and step (computed from its graph): ${time}`],
  ];
}

/** All processes on this one machine share its cores. */
function sharedText({ layout: { processes }, computeSeconds }: DryRun): string {
  if (processes === 1) return '';
  return `; all on this one machine at least ${seconds(processes * computeSeconds)}`;
}

/** How what is said of a step is known. */
export function origin({ full, small }: DryRun): string {
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
