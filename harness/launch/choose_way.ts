import { UserError } from '../base/index.ts';
import type { Environment } from './environment.ts';
import { seatOfHosts } from './hosts.ts';
import type { Seat } from './seat.ts';
import { seatOfSlurm } from './slurm.ts';
import { seatOfTfConfig } from './tf_config.ts';

/** What a command line says about processes. */
export interface LaunchOptions {
  readonly processes: number | undefined;
  readonly hosts: string | undefined;
  readonly rank: number | undefined;
  /** Where the processes meet; their servers on one machine or node have the ports after it. */
  readonly port: number | undefined;
}

/** How the processes of a run come to be. */
export type Way =
  | { readonly kind: 'alone' }
  /** This command starts them all, on this machine. */
  | { readonly kind: 'here'; readonly processes: number; readonly port: number | undefined }
  /** Something else starts them, and this is one of them. */
  | { readonly kind: 'seat'; readonly seat: Seat };

/**
 * What a command line and the environment ask for: `--hosts` first, then `TF_CONFIG`, then the step that `srun` started,
 * then `--processes`. `--processes 1` is one process whatever the environment says; any other number beside one of the
 * rest has to be theirs.
 * @throws UserError for what contradicts itself or cannot be read
 */
export function chooseWay(options: LaunchOptions, environment: Environment): Way {
  const { processes, hosts, rank } = options;
  const port = options.port ?? portIn(environment);
  if (hosts === undefined && rank !== undefined)
    throw new UserError(`--rank ${rank}: is a place in --hosts, which is not given`);
  if (hosts === undefined && processes === 1) return { kind: 'alone' };
  const seat = hosts === undefined ? seatFrom(environment, port) : seatOfHosts(hosts, rank, port);
  if (seat === undefined)
    return processes === undefined ? { kind: 'alone' } : { kind: 'here', processes, port };
  const count = seat.servers.length;
  if (processes !== undefined && processes !== count)
    throw new UserError(
      `--processes ${processes}: ${seat.way} has ${count}; leave --processes out${hosts === undefined ? ', or say --processes 1 for a run of its own in this process' : ''}`,
    );
  return count === 1 ? { kind: 'alone' } : { kind: 'seat', seat };
}

function seatFrom(environment: Environment, port: number | undefined): Seat | undefined {
  const text = environment.TF_CONFIG;
  const convention = text ? seatOfTfConfig(text, port) : undefined;
  const task = seatOfSlurm(environment, port);
  if (convention !== undefined && task !== undefined)
    throw new UserError(
      `TF_CONFIG names ${convention.servers.length} processes and SLURM's step has ${task.servers.length} tasks: which is meant? Unset TF_CONFIG, or start one task with srun -n 1`,
    );
  return convention ?? task;
}

/** `PORT`, as the original's scripts take it; looked at more closely where it is used. */
function portIn({ PORT }: Environment): number | undefined {
  if (PORT === undefined || PORT === '') return undefined;
  return Number(PORT);
}
