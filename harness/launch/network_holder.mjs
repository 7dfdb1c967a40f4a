/**
 * Runs inside a new network namespace and holds it open: brings its loopback up, says so, and ends with its input.
 * Signals of the terminal are for the run.
 */
import koffi from 'koffi';

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [SIOCGIFFLAGS, SIOCSIFFLAGS] = [0x8913, 0x8914];
const IFF_UP = 1;
const NAME_BYTES = 16; // IFNAMSIZ; the flags follow
const IFREQ_BYTES = 40;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const ioctl = libc.func('int ioctl(int, unsigned long, ...)');

/** @returns errno, 0 where it is up */
function loopbackUp() {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write('lo');
  const file = socket(AF_INET, SOCK_DGRAM, 0);
  if (file < 0 || ioctl(file, SIOCGIFFLAGS, 'void *', request) < 0) return koffi.errno();
  request.writeInt16LE(request.readInt16LE(NAME_BYTES) | IFF_UP, NAME_BYTES);
  return ioctl(file, SIOCSIFFLAGS, 'void *', request) < 0 ? koffi.errno() : 0;
}

const errno = loopbackUp();
process.stdout.write(errno === 0 ? 'up\n' : `the loopback cannot be brought up (errno ${errno})\n`);
if (errno === 0) process.stdin.on('end', () => process.exit()).resume();
else process.exitCode = 1;
