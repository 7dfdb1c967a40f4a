import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
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
  const folders = ok ? lastLine(stdout) : [];
  return Array.isArray(folders) ? folders.filter((folder) => typeof folder === 'string') : [];
}

/** A Python that can run pip. */
export interface Pip {
  readonly python: string;
  /** The wheel to import pip from, where it is not installed. */
  readonly wheel: string | undefined;
}

/**
 * How a Python has pip, as a JSON array: whether it can, from which wheel, and the Python that this one
 * is a virtual environment of. Most carry such a wheel, with which `ensurepip` would install it.
 */
const FIND_PIP = `
import json, os, sys, sysconfig
from glob import escape, glob
def importable():
    try: import pip
    except ImportError: return False
    return True
found, wheel = importable(), None
try: import ensurepip
except ImportError: folders = []
else: folders = [os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'), sysconfig.get_config_var('WHEEL_PKG_DIR')]
for path in sorted(path for folder in folders if folder for path in glob(os.path.join(escape(folder), 'pip-*.whl'))):
    if not found:
        sys.path.insert(0, path)
        found, wheel = importable(), path
base = getattr(sys, '_base_executable', None) if sys.prefix != sys.base_prefix else None
print(json.dumps([found, wheel, base]))
`;

/**
 * Pip of this Python, of the one that it is a virtual environment of (uv makes environments without
 * pip), or of another one in `PATH`. Nothing is installed into any of them.
 * @throws UserError where there is none, or this Python has no zlib.
 */
export function findPip(python: string, environment: Environment): Pip {
  if (!run(python, 'import zlib, zipfile', [], environment).ok)
    throw new UserError(
      `engine: ${python} was built without zlib, which unpacks TensorFlow; use the system's own Python 3 (first in PATH)`,
    );
  const first = pipOf(python, environment);
  const others = [first.base, ...inPath('python3', environment)];
  const tried = [first, ...others.map((other) => pipOf(other, environment))];
  const pip = tried.find((one) => one.pip !== undefined)?.pip;
  if (pip !== undefined) return pip;
  const mends = ['`apt install python3-pip`', '`dnf install python3-pip`'];
  if (first.base !== undefined && inPath('uv', environment).length > 0)
    mends.unshift('`uv pip install pip`');
  throw new UserError(
    `engine: ${python} has no pip, which fetches TensorFlow; install it with ${mends.join(' or ')}, or set REPRISE_TENSORFLOW_DIR`,
  );
}

function pipOf(python: string | undefined, environment: Environment) {
  const none = { pip: undefined, base: undefined };
  if (python === undefined) return none;
  const { ok, stdout } = run(python, FIND_PIP, [], environment);
  const answer = ok ? lastLine(stdout) : undefined;
  if (!Array.isArray(answer)) return none;
  const [found, wheel, base] = answer.map((value) => value ?? undefined);
  return { pip: found ? { python, wheel } : undefined, base };
}

/** The last line as JSON: what starts with Python (`sitecustomize`, `.pth` files) may print, too. */
function lastLine(stdout: string): unknown {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** The files of this name in the folders of `PATH`. */
function inPath(name: string, { PATH = '' }: Environment): string[] {
  return PATH.split(':')
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .filter(existsSync);
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
