import type { Place } from '../cluster/place.ts';
import { newSecret } from '../cluster/secret.ts';
import { deviceOf, gpusHere } from './devices.ts';
import type { Try } from './launch.ts';
import { refuseHere } from './open_port.ts';
import { freePorts, portsFrom } from './ports.ts';
import { openPrivateNetwork } from './private_network.ts';

/** Where nothing else listens any port will do; this one is below those of outgoing connections. */
const PRIVATE_PORT = 2222;
const LOOPBACK = '127.0.0.1';

export interface HereSetup {
  readonly processes: number;
  /** Where they meet, where they run without a private network; their servers have the ports after it. */
  readonly port: number | undefined;
  /** Whether they may run where others reach their ports. */
  readonly openPort: boolean;
  readonly timeoutSeconds: number;
  /** The program that each of them runs, and its arguments. */
  readonly command: readonly string[];
}

/**
 * Prepares processes on this machine: in a private network, or, where the kernel gives none and it is allowed, at free
 * ports of the machine.
 * @throws UserError
 */
export async function prepareHere(setup: HereSetup): Promise<Try> {
  const { processes, port, openPort, command } = setup;
  const gpus = gpusHere(process.env);
  const environment = ({ rank }: Place) => deviceOf(rank, processes, gpus, false);
  if (gpus !== undefined) deviceOf(0, processes, gpus, false); // whether there are enough
  const opened = await openPrivateNetwork();
  if (opened.kind === 'open') {
    const { enter, close } = opened.network;
    const ports = Array.from({ length: processes + 1 }, (_, i) => PRIVATE_PORT + i);
    const inside = [...enter, ...command];
    return { places: placesAt(ports, setup), command: inside, environment, close };
  }
  if (!openPort) refuseHere(processes, opened.why);
  const count = processes + 1;
  const ports = port === undefined ? await freePorts(count) : await portsFrom(port, count);
  return { places: placesAt(ports, setup), command, environment, close: () => {} };
}

function placesAt(ports: readonly number[], { timeoutSeconds }: HereSetup): Place[] {
  const [meeting, ...servers] = ports.map((port) => `${LOOPBACK}:${port}`);
  const secret = newSecret();
  return servers.map((_, rank) => ({
    rank,
    servers,
    meeting: meeting ?? '',
    timeoutSeconds,
    secret,
  }));
}
