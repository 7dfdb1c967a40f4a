import { coresFor } from '../../harness/cluster/cores.ts';
import { checkProcesses } from '../../harness/cluster/layout.ts';
import type { Place } from '../../harness/cluster/place.ts';
import { placeInEnvironment } from '../../harness/cluster/place_variable.ts';
import { provision } from '../../harness/engine/library/index.ts';
import { useCoreBlock } from '../../harness/engine/native/cores.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import { chooseWay } from '../../harness/launch/choose_way.ts';
import { deviceOf, gpusHere } from '../../harness/launch/devices.ts';
import { prepareHere } from '../../harness/launch/here.ts';
import { checkRestarts, launch } from '../../harness/launch/launch.ts';
import { refuseSeat } from '../../harness/launch/open_port.ts';
import { endWithLauncher } from '../../harness/launch/parent.ts';
import { placeOfSeat } from '../../harness/launch/place_of_seat.ts';
import { besides, processesHere } from '../../harness/launch/processes_here.ts';
import { withoutProxy } from '../../harness/launch/proxies.ts';
import { prepareSeat } from '../../harness/launch/seat_try.ts';
import type { OptionsOf } from './option.ts';
import { speakAs } from './report.ts';
import type { processOptions } from './shared_options.ts';

type RunOptions = OptionsOf<typeof processOptions> & { readonly threads: number | undefined };

/** What this process does of a run: it trains, alone or among others, or it started those that do, and they have ended. */
export type Part =
  | {
      readonly kind: 'trains';
      readonly place: Place | undefined;
      readonly processesHere: number;
      readonly threads: number | undefined;
    }
  | { readonly kind: 'launched'; readonly code: number };

/**
 * Finds the place of this process among those of a run, or starts them and waits for their end.
 * @param check throws where the options are wrong; asked before any process is started
 * @throws UserError
 */
export async function takePart(
  { replicas }: Pick<Experiment, 'replicas'>,
  options: RunOptions,
  check: () => void,
): Promise<Part> {
  const given = placeInEnvironment(process.env);
  if (given !== undefined) {
    endWithLauncher();
    if (given.rank === 0) speakAs(0);
    return partAt(given, options);
  }
  const { timeout: timeoutSeconds, restarts, allow_open_port: openPort } = options;
  const way = chooseWay(options, process.env);
  if (way.kind === 'alone') {
    checkRestarts(restarts, 1);
    return { kind: 'trains', place: undefined, processesHere: 1, threads: options.threads };
  }
  if (way.kind === 'seat') {
    const place = placeOfSeat(way.seat, process.env, timeoutSeconds);
    speakAs(place.rank);
    checkProcesses(replicas, place.servers.length);
    if (!openPort) refuseSeat(way.seat.way, place.servers);
    const environment = ownDevice(place);
    if (restarts > 0) {
      check();
      const setup = { place, replicas, command: sameCommand(), environment, tell };
      const prepare = (number: number, stop: AbortSignal) => prepareSeat(setup, number, stop);
      return { kind: 'launched', code: await launch({ prepare, restarts, tell }) };
    }
    Object.assign(process.env, environment, withoutProxy(place, process.env));
    return partAt(place, options);
  }
  const { processes, port } = way;
  checkProcesses(replicas, processes);
  check();
  await provision(); // in the network that the processes will not have
  const setup = { processes, port, openPort, timeoutSeconds, command: sameCommand() };
  const code = await launch({ prepare: () => prepareHere(setup), restarts, tell });
  return { kind: 'launched', code };
}

function partAt(place: Place, { threads }: RunOptions): Part {
  const here = processesHere(place, process.env);
  if (here > 1) useCoreBlock(besides(place).indexOf(place.rank));
  return { kind: 'trains', place, processesHere: here, threads: threads ?? coresFor(here) };
}

/** What started this process, to start others of its kind. */
export function sameCommand(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

/** A GPU of its own, before the engine looks for them. */
function ownDevice(place: Place): Readonly<Record<string, string>> {
  const ranks = besides(place);
  return deviceOf(ranks.indexOf(place.rank), ranks.length, gpusHere(process.env), true);
}

/** A line on stderr. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
