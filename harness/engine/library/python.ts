import { spawn, spawnSync } from 'node:child_process';
import { UserError } from '../../base/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The folders of an installed TensorFlow of one version, as a JSON array; it is not imported. */
const INSTALLED = `
import importlib.util, json, sys
from importlib.metadata import PackageNotFoundError, version
def has(name):
    try: return version(name) == sys.argv[1]
    except PackageNotFoundError: return False
spec = importlib.util.find_spec('tensorflow') if any(map(has, sys.argv[2:])) else None
print(json.dumps(list(spec.submodule_search_locations or []) if spec else []))
`;

/** What a Python program ended with. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The Python 3 of `PATH`, by name; undefined where there is none. */
export function findPython(environment: Environment): string | undefined {
  return ['python3', 'python'].find(
    (name) => run(name, 'import sys; sys.exit(sys.version_info < (3, 8))', [], environment).ok,
  );
}

/** Folders in which an installed TensorFlow of this version lies; nothing of it is run. */
export function installedFolders(
  python: string,
  environment: Environment,
  version: string,
  distributions: readonly string[],
): string[] {
  const { ok, stdout } = run(python, INSTALLED, [version, ...distributions], environment);
  const folders: unknown = ok ? JSON.parse(stdout) : [];
  return Array.isArray(folders) ? folders.filter((folder) => typeof folder === 'string') : [];
}

/** @throws UserError where this Python has no pip or no zlib. */
export function checkPip(python: string, environment: Environment): void {
  if (!run(python, 'import zlib, zipfile', [], environment).ok)
    throw new UserError(
      `engine: ${python} was built without zlib, which unpacks TensorFlow; use the system's own Python 3 (first in PATH)`,
    );
  if (run(python, 'import pip', [], environment).ok) return;
  throw new UserError(
    `engine: ${python} has no pip, which fetches TensorFlow; install it with \`apt install python3-pip\`, \`dnf install python3-pip\` or \`${python} -m ensurepip --user\`, or set REPRISE_TENSORFLOW_DIR`,
  );
}

function run(python: string, code: string, args: readonly string[], environment: Environment) {
  const { status, stdout } = spawnSync(python, ['-c', code, ...args], {
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { ok: status === 0, stdout };
}

/** Starts a Python program with stdout piped and stderr kept for `ended`. */
export function startPython(
  python: string,
  args: readonly string[],
  env: Environment,
  cwd?: string,
) {
  return spawn(python, args, { env: { ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Waits for a program's end, gathering its stderr and, unless taken by the caller, its stdout. */
export function ended(
  child: ReturnType<typeof startPython>,
  streams: readonly ('stdout' | 'stderr')[] = ['stdout', 'stderr'],
): Promise<Ended> {
  let output = '';
  for (const name of streams)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, output }));
  });
}
