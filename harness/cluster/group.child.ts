import { failureText } from './failure.ts';
import { joinGroup } from './join_group.ts';
import { placeInEnvironment } from './place_variable.ts';

/** What a process of a test does when all are there. */
export type Task =
  /** Calls, over and over, until something happens. */
  | { readonly kind: 'work' }
  /** Computes on its main thread for so long, then calls once, and ends. */
  | { readonly kind: 'compute'; readonly seconds: number };

// It says a line for everything that happens to it.
const say = (line: string) => void process.stdout.write(`${line}\n`);
const task: Task = JSON.parse(process.argv[2] ?? '');
const place = placeInEnvironment(process.env);
if (place === undefined) throw new Error('no place');

const group = await joinGroup(place, {
  onFailure: (failure) => {
    say(`failure ${failureText(failure)}`);
    process.exitCode = 7;
  },
});
say('joined');
try {
  if (task.kind === 'compute') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 * task.seconds);
    say(`together ${await group.exchange('computed', group.rank)}`);
  } else for (let i = 0; ; i++) await group.gather(`step ${i}`, new Uint8Array(100_000));
  if (group.rank === 0) await group.end(0);
  say(`ended ${await group.ended}`);
} catch (error) {
  say(`threw ${error instanceof Error ? error.message : error}`);
}
