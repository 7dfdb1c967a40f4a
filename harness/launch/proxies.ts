import { parseAddress } from '../cluster/address.ts';
import type { Place } from '../cluster/place.ts';
import type { Environment } from './environment.ts';

const NAME = 'no_grpc_proxy';

/**
 * Takes the processes of a run out of what goes through a proxy. gRPC, which carries TensorFlow's collectives, obeys
 * `http_proxy`, and a run would wait for ever for servers that the proxy cannot reach.
 */
export function withoutProxy(
  { servers }: Pick<Place, 'servers'>,
  environment: Environment,
): Readonly<Record<string, string>> {
  const hosts = servers.map((text) => parseAddress(text, 'the servers').host);
  const before = environment[NAME] ?? environment.no_proxy ?? '';
  return { [NAME]: [...new Set([...before.split(',').filter(Boolean), ...hosts])].join(',') };
}
