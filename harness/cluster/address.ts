import { UserError } from '../base/errors.ts';

/** Where a process listens. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/@\s[\]]+)):(\d{1,5})$/;
const PORTS = 65_535;

/** `host:port` or `[IPv6 address]:port`; undefined where the text is neither. */
export function addressIn(text: string): Address | undefined {
  const [, inBrackets, plain, digits] = FORM.exec(text) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= PORTS)) return undefined;
  return { host, port };
}

/**
 * @param what says in the message where the text was found, e.g. `--hosts`
 * @throws UserError where the text is no address
 */
export function parseAddress(text: string, what: string): Address {
  const address = addressIn(text);
  if (address !== undefined) return address;
  throw new UserError(
    `${what}: expected host:port with a port from 1 to ${PORTS}, e.g. node7:2222 or [fe80::1]:2222, found ${JSON.stringify(text)}`,
  );
}
