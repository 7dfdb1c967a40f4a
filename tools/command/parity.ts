import { coresFor } from '../../harness/cluster/cores.ts';
import { failureText } from '../../harness/cluster/failure.ts';
import { joinGroup } from '../../harness/cluster/join_group.ts';
import { openServers } from '../../harness/cluster/open_servers.ts';
import type { Place } from '../../harness/cluster/place.ts';
import { placeInEnvironment } from '../../harness/cluster/place_variable.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { provision } from '../../harness/engine/library/index.ts';
import { prepareHere } from '../../harness/launch/here.ts';
import { launch } from '../../harness/launch/launch.ts';
import { PEER_LOST } from '../../harness/launch/outcome.ts';
import { endWithLauncher } from '../../harness/launch/parent.ts';
import { processesHere } from '../../harness/launch/processes_here.ts';
import { exitNow } from '../../harness/run/exit_now.ts';
import type { Processes } from '../../harness/testing/parity/run.ts';
import type { OptionsOf } from './option.ts';
import { speakAs } from './report.ts';
import { runOptions } from './shared_options.ts';
import { sameCommand, tell } from './take_part.ts';

const { port, allow_open_port, timeout } = runOptions;

/** Options of the command that lets processes share the ranks of cases. */
export const parityOptions = {
  processes: { ...runOptions.processes, help: 'processes that share the ranks of each case' },
  port,
  allow_open_port,
  timeout,
} as const;

/** What this process does of the command. */
export type ParityPart =
  | {
      readonly kind: 'runs';
      /** Undefined where it runs all by itself. */
      readonly processes: Processes | undefined;
      /** Whether it is the one that says what came out. */
      readonly speaks: boolean;
      /** To be called when all is done. @returns the exit code of the command */
      readonly end: (code: number) => Promise<number>;
    }
  | { readonly kind: 'launched'; readonly code: number };

/**
 * Finds the place of this process among those that share the cases, or starts them and waits for their end.
 * @throws UserError
 */
export async function joinParity(options: OptionsOf<typeof parityOptions>): Promise<ParityPart> {
  const place = placeInEnvironment(process.env);
  if (place !== undefined) return partAt(place);
  const { processes = 1, port: meeting, timeout: timeoutSeconds } = options;
  if (processes === 1)
    return { kind: 'runs', processes: undefined, speaks: true, end: async (code) => code };
  await provision(); // in the network that the processes will not have
  const prepare = () =>
    prepareHere({
      processes,
      port: meeting,
      openPort: options.allow_open_port,
      timeoutSeconds,
      command: sameCommand(),
    });
  return { kind: 'launched', code: await launch({ prepare, restarts: 0, tell }) };
}

async function partAt(place: Place): Promise<ParityPart> {
  const { rank } = place;
  endWithLauncher();
  if (rank === 0) speakAs(0);
  const group = await joinGroup(place, {
    onFailure: (failure) => {
      tell(failureText(failure));
      exitNow(PEER_LOST);
    },
  });
  await startEngine();
  const threads = coresFor(processesHere(place, process.env));
  const server = await openServers(place, group, threads);
  return {
    kind: 'runs',
    processes: { server, group },
    speaks: rank === 0,
    end: (code) => (rank === 0 ? group.end(code).then(() => code) : group.ended),
  };
}
