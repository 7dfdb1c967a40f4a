/**
 * One process of several that something else starts, for tests: takes the seat that its options and the environment give,
 * joins the others, and says what all of them say of themselves. `node member.fixture.mjs OPTIONS`, as JSON.
 */
import { networkInterfaces } from 'node:os';
import { register } from 'tsx/esm/api';

register();
const { chooseWay } = await import('./choose_way.ts');
const { placeOfSeat } = await import('./place_of_seat.ts');
const { joinGroup } = await import('../cluster/join_group.ts');

const failed = ({ message, why }) => {
  process.stderr.write(`${message ?? why}\n`);
  process.exit(message === undefined ? 75 : 1);
};
try {
  const { seat } = chooseWay(JSON.parse(process.argv[2]), process.env);
  const place = placeOfSeat(seat, process.env, 3);
  const group = await joinGroup(place, { onFailure: failed });
  const own = Object.values(networkInterfaces())
    .flat()
    .find(({ internal, family }) => !internal && family === 'IPv4');
  const all = await group.exchange('addresses', `${place.rank} at ${own?.address}`);
  process.stdout.write(`${all.join(', ')}\n`);
  if (process.env.STAYS) await new Promise((done) => setTimeout(done, 60_000));
  if (place.rank === 0) await group.end(0);
  else await group.ended;
  process.exit(0);
} catch (error) {
  failed(error);
}
