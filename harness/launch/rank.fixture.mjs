/**
 * One of several processes, for tests: `node rank.fixture.mjs PLAN`, where the plan has for each rank, and each try, what
 * it does: `exit N`, `kill SIGNAL`, `wait` until it is asked to end, `hang` whatever it is asked, `serve FOLDER`,
 * `abandon` its launcher.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

const { rank, servers, secret } = JSON.parse(process.env.REPRISE_PLACE);
const number = Number(process.env.REPRISE_RESTARTED ?? 0);
const tries = JSON.parse(process.argv[2])[rank];
const [deed, value] = tries[Math.min(number, tries.length - 1)].split(' ');
const port = (of) => Number(servers[of].split(':').at(-1));

const parent = new URL('./parent.ts', import.meta.url).href;
if (deed === 'hang' || deed === 'abandon') {
  process.on('SIGTERM', () => {});
  const { register } = await import('tsx/esm/api');
  register();
  (await import(parent)).endWithLauncher();
}
if (deed === 'wait') {
  let asked = 0;
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])
    process.on(signal, () => {
      if (asked++ > 0) return;
      process.stderr.write(`rank ${rank} is asked to end\n`);
      setTimeout(() => process.exit(code), rank === 0 ? 300 : 400);
    });
}
process.stdout.write(`out ${rank}\n`);
process.stderr.write(
  `rank ${rank} of ${servers.length}, pid ${process.pid}, try ${number}, secret ${secret}\n`,
);
if (deed === 'exit') process.exit(Number(value));
if (deed === 'abandon') process.kill(process.ppid, 'SIGKILL');
if (deed === 'kill') process.kill(process.pid, value);
if (deed === 'serve') {
  writeFileSync(join(value, `file ${rank}`), homedir());
  createServer((socket) => socket.end('hello')).listen(port(rank), '0.0.0.0');
  const reach = (of) => {
    const socket = connect(port(of), '127.0.0.1');
    socket.on('error', () => setTimeout(reach, 50, of));
    socket.on('data', () =>
      process.stderr.write(`rank ${rank} has reached ${of} at ${port(of)}\n`),
    );
  };
  reach((rank + 1) % servers.length);
}
setInterval(() => {}, 1000);
