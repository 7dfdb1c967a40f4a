import { UserError } from '../base/index.ts';
import type { Environment } from './environment.ts';
import { nodesIn, tasksIn } from './nodelist.ts';
import { checkPort } from './ports.ts';
import type { Seat } from './seat.ts';

/** Ports below those that Linux gives to outgoing connections (32768 on), in blocks of one job step each. */
const FIRST_PORT = 10_000;
const BLOCK = 16;
const BLOCKS = 1_250;

/** A task's place among the nodes of its step. */
interface Task {
  readonly node: number;
  /** Among the tasks of that node. */
  readonly local: number;
}

/**
 * The seat of a task that `srun` started: as many processes as the step has tasks, one a task. Undefined outside a step,
 * also in the batch script itself, and in a step of one task.
 * @param port where processes meet, on the first node; the servers of each node have the ports after it. By default one
 *   that follows from the job and the step.
 * @throws UserError
 */
export function seatOfSlurm(environment: Environment, port: number | undefined): Seat | undefined {
  if (environment.SLURM_STEP_NUM_TASKS === undefined) return undefined;
  const count = whole(environment, 'SLURM_STEP_NUM_TASKS');
  if (count < 2) return undefined;
  const rank = whole(environment, 'SLURM_PROCID');
  const nodes = nodesIn(text(environment, 'SLURM_STEP_NODELIST'), 'SLURM_STEP_NODELIST');
  const perNode = tasksIn(
    text(environment, 'SLURM_STEP_TASKS_PER_NODE'),
    'SLURM_STEP_TASKS_PER_NODE',
  );
  const total = perNode.reduce((sum, one) => sum + one, 0);
  if (perNode.length !== nodes.length || total !== count)
    throw new UserError(
      `SLURM: ${count} tasks on ${nodes.length} nodes (${nodes.join(', ')}), but SLURM_STEP_TASKS_PER_NODE=${environment.SLURM_STEP_TASKS_PER_NODE} has ${total} on ${perNode.length}; start them with one srun, without heterogeneous components`,
    );
  if (rank >= count)
    throw new UserError(`SLURM: SLURM_PROCID=${rank}, but the step has ${count} tasks`);
  const tasks = tasksOn(perNode, isCyclic(environment));
  checkOwn(environment, tasks[rank], rank);
  const first = checkPort(port ?? portOf(environment), '--port or PORT');
  checkPort(first + Math.max(...perNode), '--port or PORT');
  const host = (node: number) => nodes[node] ?? '';
  return {
    way: 'SLURM',
    rank,
    servers: tasks.map(({ node, local }) => ({ host: host(node), port: first + 1 + local })),
    meeting: { host: host(tasks[0]?.node ?? 0), port: first },
    common: `slurm ${text(environment, 'SLURM_JOB_ID')}.${environment.SLURM_STEP_ID ?? ''} ${nodes.join(',')}`,
  };
}

/** Where each task runs, by rank: node after node, or one on each node in turn. */
export function tasksOn(perNode: readonly number[], cyclic: boolean): Task[] {
  const all = perNode.flatMap((count, node) =>
    Array.from({ length: count }, (_, local): Task => ({ node, local })),
  );
  return cyclic ? all.sort((a, b) => a.local - b.local || a.node - b.node) : all;
}

function isCyclic({ SLURM_DISTRIBUTION: distribution = 'block' }: Environment): boolean {
  const first = distribution.split(/[:,]/)[0] ?? '';
  if (first === 'cyclic') return true;
  if (first === 'block' || first === '*' || first === '') return false;
  throw new UserError(
    `SLURM_DISTRIBUTION=${distribution}: which task is on which node is known for block and cyclic; use srun --distribution=block`,
  );
}

/** What SLURM says of this very task shows whether the tasks lie as they are thought to. */
function checkOwn(environment: Environment, task: Task | undefined, rank: number): void {
  const node = whole(environment, 'SLURM_NODEID');
  const local = whole(environment, 'SLURM_LOCALID');
  if (task?.node === node && task.local === local) return;
  throw new UserError(
    `SLURM: task ${rank} is number ${local} on node ${node}, and was expected as number ${task?.local} on node ${task?.node}; use srun --distribution=block`,
  );
}

function portOf(environment: Environment): number {
  const step = Number(environment.SLURM_STEP_ID ?? 0);
  const block =
    (whole(environment, 'SLURM_JOB_ID') * 31 + (Number.isFinite(step) ? step : 0)) % BLOCKS;
  return FIRST_PORT + block * BLOCK;
}

function text(environment: Environment, name: string): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new UserError(
    `SLURM: ${name} is not set, which srun sets for each task; start the command with srun`,
  );
}

function whole(environment: Environment, name: string): number {
  const value = text(environment, name);
  if (/^\d+$/.test(value)) return Number(value);
  throw new UserError(`SLURM: found ${name}=${value}, expected a whole number`);
}
