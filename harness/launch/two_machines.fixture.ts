import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allows } from './launching.fixture.ts';

const USERS = ['--user', '--map-root-user'];

/** Two network namespaces on this machine with a virtual link between them: `node1` and `node2`. */
export interface TwoMachines {
  /** The words before a command that runs on the first or the second. */
  readonly enter: readonly [readonly string[], readonly string[]];
  /** Takes the link away, or brings it back. */
  link(state: 'up' | 'down'): Promise<void>;
  close(): void;
}

// The second namespace lies in the same user namespace, so that nobody has to be root; both have their own /etc/hosts.
const SETUP = `
set -e
mount --bind "$1" /etc/hosts
ip link set lo up
unshare --net sh -c 'echo $$; exec cat' < "$2" > "$3" &
read other < "$3"
ip link add one type veth peer name two netns $other
ip addr add 10.24.0.1/24 dev one
ip link set one up
nsenter --target $other --net sh -ec 'ip link set lo up; ip addr add 10.24.0.2/24 dev two; ip link set two up'
echo $other
exec cat
`;

/**
 * Nothing where this machine does not allow them, which is said loudly.
 * @param folder of its own, for the names of the machines and what their holders read
 */
export async function openTwoMachines(folder: string): Promise<TwoMachines | undefined> {
  const link = 'ip link add one type veth peer name two';
  const spaces = [...USERS, '--net', '--mount'];
  const possible = allows('two machines', 'unshare', ...spaces, 'sh', '-c', link);
  return possible ? opened(folder) : undefined;
}

/** What SLURM tells the one process of a step that has one on each machine. */
export function slurmStep(rank: number): NodeJS.ProcessEnv {
  return {
    SLURM_JOB_ID: '77',
    SLURM_STEP_ID: '0',
    SLURM_STEP_NUM_TASKS: '2',
    SLURM_STEP_NODELIST: 'node[1-2]',
    SLURM_STEP_TASKS_PER_NODE: '1(x2)',
    SLURM_PROCID: String(rank),
    SLURM_NODEID: String(rank),
    SLURM_LOCALID: '0',
  };
}

/** What Kubeflow tells it. */
export function tfConfig(index: number, port: number): NodeJS.ProcessEnv {
  return {
    TF_CONFIG: JSON.stringify({
      cluster: { worker: [`node1:${port}`, `node2:${port}`] },
      task: { type: 'worker', index },
    }),
  };
}

async function opened(folder: string): Promise<TwoMachines> {
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n10.24.0.1 node1\n10.24.0.2 node2\n');
  const [input, output] = [join(folder, 'input'), join(folder, 'output')];
  for (const fifo of [input, output]) await once(spawn('mkfifo', [fifo]), 'close');
  const keep = spawn('sh', ['-c', 'exec cat > "$0"', input], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const line = [...USERS, '--net', '--mount', 'sh', '-c', SETUP, 'sh', hosts, input, output];
  const holder = spawn('unshare', line, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [said] = await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'close').then(([code]) => {
      throw new Error(`the two machines could not be made (code ${code})`);
    }),
  ]);
  const enterAt = (pid: number | undefined) => {
    const spaces = ['--user', '--preserve-credentials', '--net', '--mount'];
    return ['nsenter', '--target', String(pid), ...spaces, '--'];
  };
  const first = enterAt(holder.pid);
  return {
    enter: [first, enterAt(Number(String(said)))],
    link: async (state) => {
      const [file = '', ...words] = [...first, 'ip', 'link', 'set', 'one', state];
      await once(spawn(file, words, { stdio: 'inherit' }), 'close');
    },
    close: () => {
      keep.stdin.destroy();
      holder.stdin.destroy();
    },
  };
}
