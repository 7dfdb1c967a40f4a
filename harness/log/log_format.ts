import type { Metrics } from '../experiment/index.ts';

/** What a window of training steps says; times in seconds a step, memory in MiB. */
export interface TrainEntry {
  readonly mode: 'train';
  /** 1-based, as is `iter` within the epoch. */
  readonly epoch: number;
  readonly iter: number;
  readonly lr: number;
  readonly time: number;
  readonly data_time: number;
  readonly memory: number;
  readonly metrics: Metrics;
}

export interface ValidationEntry {
  readonly mode: 'val';
  readonly epoch: number;
  readonly iter: number;
  readonly lr: number;
  readonly metrics: Metrics;
}

/** A line of `*.log.json`: the original's keys and order, every number in full precision. */
export function jsonLine(entry: TrainEntry | ValidationEntry): string {
  const { metrics, ...head } = entry;
  return `${JSON.stringify({ ...head, ...metrics }, (_, value) => jsonNumber(value))}\n`;
}

/** The training line of the original's text log. */
export function trainLine(entry: TrainEntry, stepsPerEpoch: number, etaSeconds: number): string {
  const { epoch, iter, lr, time, data_time, memory, metrics } = entry;
  const parts = [
    `lr: ${exponential(lr)}`,
    `eta: ${duration(etaSeconds)}`,
    `time: ${time.toFixed(3)}`,
    `data_time: ${data_time.toFixed(3)}`,
    `memory: ${memory}`,
    ...shown(metrics),
  ];
  return `Epoch [${epoch}][${iter}/${stepsPerEpoch}]\t${parts.join(', ')}`;
}

/** The validation line of the original's text log. */
export function validationLine(entry: ValidationEntry, stepsPerEpoch: number): string {
  const parts = [`lr: ${exponential(entry.lr)}`, ...shown(entry.metrics)];
  return `Epoch [${entry.epoch}][${entry.iter}/${stepsPerEpoch}]\t${parts.join(', ')}`;
}

/** A message as the text log has it: `2021-01-06 12:15:17,168 - reprise - INFO - …`, local time. */
export function textLine(now: Date, level: 'INFO' | 'WARNING' | 'ERROR', message: string): string {
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0');
  const { day, time } = localTime(now);
  const stamp = `${day.join('-')} ${time.join(':')},${milliseconds}`;
  return `${stamp} - reprise - ${level} - ${message}\n`;
}

/** `YYYYMMDD_HHMMSS` in local time: the part of file names that tells starts of a run apart. */
export function fileStamp(now: Date): string {
  const { day, time } = localTime(now);
  return `${day.join('')}_${time.join('')}`;
}

/** Seconds as Python prints a timedelta: `17 days, 9:19:53`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86400);
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  const clock = `${Math.floor(whole / 3600) % 24}:${two(minutes)}:${two(rest)}`;
  return days === 0 ? clock : `${days} day${days === 1 ? '' : 's'}, ${clock}`;
}

function shown(metrics: Metrics): string[] {
  return Object.entries(metrics).map(([name, value]) => `${name}: ${value.toFixed(4)}`);
}

// Python writes at least two digits of exponent, JavaScript as few as it can.
function exponential(value: number): string {
  return value.toExponential(3).replace(/e([+-])(\d)$/, 'e$10$2');
}

// JSON has no such numbers. As text they keep the line readable and say what happened.
function jsonNumber(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function localTime(now: Date): { readonly day: string[]; readonly time: string[] } {
  return {
    day: [String(now.getFullYear()), two(now.getMonth() + 1), two(now.getDate())],
    time: [two(now.getHours()), two(now.getMinutes()), two(now.getSeconds())],
  };
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
