import { connect, type Socket } from 'node:net';
import { parseAddress } from '../address.ts';

/**
 * A connection to `host:port`.
 * @param what names the address where it is no address
 * @throws Error where none comes about in time: of the system, or that nobody answers
 */
export function dial(address: string, what: string, seconds: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(parseAddress(address, what));
    const failed = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => failed(new Error('no answer')), 1000 * seconds);
    socket.once('error', failed);
    socket.once('connect', () => {
      // On one machine the system may choose the port that nobody listens at as this end's own: then both ends are one.
      const itself =
        socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
      if (itself) return failed(new Error('nobody listens'));
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}
