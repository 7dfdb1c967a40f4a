import { describe, expect, it } from 'vitest';
import type { Place } from './place.ts';
import { environmentOf, placeInEnvironment } from './place_variable.ts';
import { newSecret } from './secret.ts';

const PLACE: Place = {
  rank: 1,
  servers: ['node7:2222', '[fe80::1]:2223'],
  meeting: 'node7:2221',
  timeoutSeconds: 60,
  secret: newSecret(),
};
const from = (change: object) =>
  placeInEnvironment({ REPRISE_PLACE: JSON.stringify({ ...PLACE, ...change }) });

describe('the place of a process', () => {
  it('comes through the environment as it was', () => {
    expect(placeInEnvironment(environmentOf(PLACE))).toEqual(PLACE);
    expect(placeInEnvironment({})).toBeUndefined();
    expect(placeInEnvironment({ REPRISE_PLACE: '' })).toBeUndefined();
  });

  it.each([
    [{ rank: 2 }, 'rank: expected a rank below the number of servers, found 2'],
    [{ rank: -1 }, 'rank'],
    [{ servers: ['a:1', 'a:1'] }, 'expected an address of its own for each process'],
    [{ servers: ['a:1', 'b'] }, 'servers[1]: expected host:port, e.g. node7:2222, found "b"'],
    [{ servers: ['a:1', 'b:70000'] }, 'servers[1]: expected host:port'],
    [{ meeting: 'node7:2222' }, 'meeting: expected a port that is no server of TensorFlow'],
    [{ timeoutSeconds: 0 }, 'timeoutSeconds'],
    [{ hosts: [] }, 'hosts is not known'],
  ])('%j is refused', (change, message) => {
    expect(() => from(change)).toThrow(message);
  });

  it('is refused without a word of the secret', () => {
    const torn = JSON.stringify(PLACE).slice(0, -1);
    for (const refused of [() => placeInEnvironment({ REPRISE_PLACE: torn }), () => from({ a: 1 })])
      expect(refused).toThrow(/^(?!.*[0-9a-f]{16})/s);
  });
});
