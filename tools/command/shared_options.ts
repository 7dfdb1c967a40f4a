import { resolve } from 'node:path';
import { root } from './root.ts';

/** The argument of every command that works on an experiment. */
export const experimentArgument = {
  name: 'EXPERIMENT',
  help: 'name of an experiment, or a .json file that holds one',
} as const;

/** `--set`, for every command that takes an experiment. */
export const setOption = {
  kind: 'list',
  value: 'KEY.PATH=VALUE',
  help: 'override a field of the experiment; may be repeated',
} as const;

/** Options that change an experiment. */
export const experimentOptions = {
  epochs: { kind: 'int', value: 'N', min: 1, help: 'epochs of the run, as --set epochs=N' },
  set: setOption,
} as const;

export const dataOption = {
  kind: 'text',
  value: 'DIR',
  help: 'folder that data sources start from',
  default: 'data',
} as const;

/** For every command that takes the backbone of a file of weights. */
export const prefixOption = {
  kind: 'text',
  value: 'PREFIX',
  help: 'what stands before conv1.weight in the file of weights (default: found)',
} as const;

/** Options of every command whose work several processes may share. */
export const processOptions = {
  processes: {
    kind: 'int',
    value: 'N',
    min: 1,
    help: 'processes that share the replicas (default: 1, or what TF_CONFIG or srun say)',
  },
  hosts: {
    kind: 'text',
    value: 'HOST:PORT,…',
    help: 'of every process, in order of rank: one of them is this one, started on its own machine',
  },
  rank: { kind: 'int', value: 'R', min: 0, help: 'which of --hosts this process is' },
  port: {
    kind: 'int',
    value: 'N',
    min: 1,
    help: 'where processes meet, at the host of rank 0; servers take the ports after it (default: PORT, or free ones)',
  },
  allow_open_port: {
    kind: 'flag',
    help: 'several processes without a private network: who reaches their ports can run programs here',
  },
  timeout: {
    kind: 'number',
    value: 'SECONDS',
    min: 1,
    default: 60,
    help: 'after so long without a sign of life a process is lost',
  },
  restarts: {
    kind: 'int',
    value: 'K',
    min: 0,
    default: 0,
    help: 'start processes again after one was lost, from the newest checkpoint, at most so often',
  },
  sequential: {
    kind: 'flag',
    help: 'replicas of a process one after another: less memory, the same results',
  },
} as const;

/** Options of every command that trains. */
export const runOptions = {
  data: dataOption,
  work_dir: { kind: 'text', value: 'DIR', help: 'outputs (default: work_dirs/EXPERIMENT)' },
  ...experimentOptions,
  pretrained: { kind: 'text', value: 'FILE', help: 'weights to begin with, also a PyTorch file' },
  prefix: prefixOption,
  workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
  threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute (default: all cores)' },
  ...processOptions,
  deterministic: { kind: 'flag', help: 'of no effect: every run is deterministic' },
  states: { kind: 'flag', help: 'write the hash of every tensor after every step, for compare' },
  debug_nans: { kind: 'flag', help: 'name the operation that makes the first NaN; slower' },
} as const;

const pages = resolve(root, 'reports');

/** Options of every command that writes a report of what it measured. */
export const reportOptions = {
  out: { kind: 'text', value: 'DIR', help: 'where to write', default: pages },
  date: { kind: 'text', value: 'DATE', help: 'date of the report (default: today)' },
} as const;
