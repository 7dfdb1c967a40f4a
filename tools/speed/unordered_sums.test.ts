import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('unordered_sums.child.ts', import.meta.url));

it('add what is here in one op, and what is elsewhere by one collective', () => {
  const line = ['--import', 'tsx', CHILD];
  const { stdout, stderr, status } = spawnSync(process.execPath, line, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const { whole, part, one, two } = JSON.parse(stdout) as Record<string, string[]>;
  expect(whole).toEqual([4.5, 5.5, 6.5]);
  expect(part).toEqual([4.5, 5.5]);
  expect(one?.filter((type) => type === 'AddN')).toHaveLength(2);
  expect(one?.filter((type) => type.startsWith('AddV2'))).toEqual([]);
  const between = two?.filter((type) => /^(Collective|Send|Recv)/.test(type));
  expect(between).toEqual(['CollectiveReduceV2']);
});
