import { createServer, type Server } from 'node:net';
import { errorCode, UserError } from '../base/index.ts';
import type { Address } from '../cluster/address.ts';

const MAX_PORT = 65535;

/** As it is written: `host:port`. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @throws UserError for a number that is no port */
export function checkPort(port: number, where: string): number {
  if (Number.isSafeInteger(port) && port >= 1 && port <= MAX_PORT) return port;
  throw new UserError(`${where}: found ${port}, expected a port from 1 to ${MAX_PORT}`);
}

/** Ports of this machine that nobody listens on, each another; somebody may take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let i = 0; i < count; i++) servers.push(await listening(0));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  }
}

/**
 * So many ports one after another.
 * @throws UserError that names the first that somebody listens on
 */
export async function portsFrom(first: number, count: number): Promise<number[]> {
  const ports = Array.from({ length: count }, (_, i) => checkPort(first + i, '--port'));
  for (const port of ports) {
    try {
      const server = await listening(port);
      await new Promise((done) => server.close(done));
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      const why = code === 'EACCES' ? 'may not be used by this user' : 'is in use on this machine';
      throw new UserError(
        `--port ${first}: ${count} ports from there on are needed, and port ${port} ${why}; choose another one, or leave the option out`,
      );
    }
  }
  return ports;
}

function listening(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
