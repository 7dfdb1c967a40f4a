import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The command on cases of this checkout, its ranks shared by so many processes. */
export function parity(processes: number, names: readonly string[]) {
  const cases = names.flatMap((name) => ['--case', name]);
  const line = ['scripts/parity.mjs', '--processes', String(processes), '--allow_open_port'];
  return new Promise<{ code: number; out: string; err: string }>((done) => {
    const child = execFile(
      process.execPath,
      ['node_modules/zx/build/cli.js', ...line, ...cases],
      { cwd: root },
      (_, out, err) => done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** The line of a case without its worst value, which is compared to a bound. */
export const verdicts = (out: string) =>
  out.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '));
