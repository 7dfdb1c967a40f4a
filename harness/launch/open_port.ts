import { UserError } from '../base/index.ts';

const DANGER =
  "TensorFlow's servers listen on every interface of the machine and run whatever they are sent, by anybody";

/** @throws UserError that says why processes on one machine are not started, and what to do */
export function refuseHere(processes: number, why: string): never {
  throw new UserError(
    `--processes ${processes}: ${DANGER}, so the processes of one machine run in a private network, and here the kernel gives none (${why}). Any of these mends it:\n` +
      '  allow user namespaces: sysctl -w user.max_user_namespaces=15000, and on Ubuntu 24.04 kernel.apparmor_restrict_unprivileged_userns=0\n' +
      '  in a container: start it with --cap-add SYS_ADMIN, or with a seccomp profile that allows unshare\n' +
      '  where nobody else reaches the ports of this machine: --allow_open_port',
  );
}

/** @throws UserError that says why processes on several machines are not started, and what to do */
export function refuseSeat(way: string, servers: readonly string[]): never {
  throw new UserError(
    `${way}: ${DANGER} who reaches ${servers.join(', ')}. Let these machines alone reach them (a network of their own, a firewall, a WireGuard or SSH tunnel: docs/distributed.md has an example), and say --allow_open_port then`,
  );
}
