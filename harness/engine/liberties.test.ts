import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { startEngine } from './index.ts';
import { takeLiberties } from './liberties.ts';
import { fingerprint } from './native/fingerprint.ts';
import { shapedOp } from './op.ts';
import { Program } from './program.ts';
import { tf } from './tf.ts';

beforeAll(startEngine);

const ROOT = new URL('../../', import.meta.url);
const FOLDERS = ['harness', 'methods', 'benchmarks', 'reports', 'tools', 'golden', 'scripts'];

it('are taken by the benchmark of their price and nowhere else', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const takers = files.filter(
    (file) =>
      /(?<!\.test)\.(ts|mjs)$/.test(file) &&
      readFileSync(new URL(file, ROOT), 'utf8').includes('takeLiberties'),
  );
  expect(takers.sort()).toEqual(['harness/engine/liberties.ts', 'tools/speed/determinism_side.ts']);
});

/** An op that adds in an order of its own. */
function ring(): Program {
  const program = new Program();
  program.entry('step', {
    inputs: {},
    build: () => {
      const scalars = [2, 1, 1].map((number) => tf.scalar(number, 'int32'));
      const attrs = { merge_op: 'Add', final_op: 'Id', communication_hint: 'ring' };
      return { sum: shapedOp('CollectiveReduceV2', [tf.ones([2]), ...scalars], attrs, [2]) };
    },
  });
  return program;
}

it('let any op run, and leave the process without a fingerprint', () => {
  expect(ring).toThrow('not on the list of deterministic ops');
  expect(fingerprint().id).toMatch(/^[0-9a-f]{12}$/);
  takeLiberties({});
  ring().dispose();
  expect(fingerprint).toThrow('its numbers are good for nothing');
});
