import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { strToU8, zipSync } from 'fflate';
import { type Build, CC, FRAMEWORK, VERSION } from '../engine/library/pins.ts';

const WHEEL = `tensorflow_cpu-${VERSION}-cp311-cp311-manylinux_2_27_x86_64.whl`;
const INFO = `tensorflow_cpu-${VERSION}.dist-info`;

/** A wheel that pip takes for TensorFlow's, with two small files in place of the libraries. */
export interface SmallWheel {
  readonly path: string;
  readonly build: Build;
}

/** Writes the wheel into a folder. `bytes`: how large the bigger file is. */
export function smallWheel(folder: string, bytes = 1 << 20): SmallWheel {
  const text = Array.from({ length: 9973 }, (_, i) => `${i * i} `).join('');
  const members = {
    [`tensorflow/${FRAMEWORK}`]: strToU8('the framework\n'.repeat(1000)),
    [`tensorflow/${CC}`]: new Uint8Array(Buffer.alloc(bytes, text)),
  };
  const zip = zipSync(
    {
      ...members,
      'tensorflow/__init__.py': strToU8("raise ImportError('it must not be imported')\n"),
      [`${INFO}/METADATA`]: strToU8(
        `Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: ${VERSION}\n`,
      ),
      [`${INFO}/WHEEL`]: strToU8(
        'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_27_x86_64\n',
      ),
      [`${INFO}/RECORD`]: strToU8(''),
    },
    { level: 1, mtime: '2000-01-01T00:00:00' },
  );
  const path = join(folder, WHEEL);
  writeFileSync(path, zip);
  const files = Object.entries(members).map(([member, content]) => ({
    name: member.split('/')[1] ?? '',
    member,
    bytes: content.length,
    sha256: hex(content),
  }));
  const tags = { python: '3.11', abi: 'cp311', platform: 'manylinux_2_27_x86_64' };
  const identity = { distribution: 'tensorflow-cpu', version: VERSION, ...tags };
  const wheel = { ...identity, bytes: zip.length, sha256: hex(zip), files };
  const names = { folder: 'small', libraries: '', distributions: ['tensorflow-cpu'] };
  return { path, build: { device: 'cpu', ...names, preload: [], wheels: [wheel] } };
}

/** A package index on this machine that serves one wheel. */
export interface PackageIndex {
  /** For `PIP_INDEX_URL`. */
  readonly url: string;
  /** How many times the wheel was sent to its end. */
  served(): number;
  /** How many clients are being sent the wheel right now. */
  open(): number;
  /** Milliseconds between the pieces of a wheel. */
  slow(milliseconds: number): void;
  /** Answers everything with this HTTP status, until 200 is given. */
  answer(status: number): void;
  close(): Promise<void>;
}

/** Variables of a user with an empty cache whose pip asks this index and nothing else. */
export function newUser(home: string, index: Pick<PackageIndex, 'url'>) {
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CACHE_HOME: join(home, 'cache'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: index.url,
    PIP_RETRIES: '0',
  } satisfies Readonly<Record<string, string | undefined>>;
}

const PIECE = 1 << 14;
const TICK = 10;

export async function startIndex(wheel: string): Promise<PackageIndex> {
  const state = { served: 0, open: 0, pause: 0, status: 200 };
  const send = async (response: ServerResponse) => {
    const bytes = readFileSync(wheel);
    state.open++;
    response.on('close', () => state.open--).writeHead(200, { 'content-length': bytes.length });
    for (let at = 0; at < bytes.length && !response.destroyed; at += PIECE) {
      response.write(bytes.subarray(at, at + PIECE));
      for (let waited = 0; waited < state.pause && !response.destroyed; waited += TICK)
        await setTimeout(TICK);
    }
    response.end(() => state.served++);
  };
  const server = createServer((request, response) => {
    if (state.status !== 200) response.writeHead(state.status).end();
    else if (request.url?.endsWith('.whl')) void send(response);
    else if (request.url?.includes('/tensorflow-cpu/'))
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<!DOCTYPE html><a href="${WHEEL}">${WHEEL}</a>`);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${portOf(server)}/simple`,
    served: () => state.served,
    open: () => state.open,
    slow: (milliseconds) => {
      state.pause = milliseconds;
    },
    answer: (status) => {
      state.status = status;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address() as AddressInfo;
  return address.port;
}

function hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
