import { startEngine } from './index.ts';
import { takeLiberties } from './liberties.ts';
import { fingerprint } from './native/fingerprint.ts';
import { shapedOp } from './op.ts';
import { Program } from './program.ts';
import { tf } from './tf.ts';

// In a process of its own: liberties are not given back. Says what an op that adds in an order of its own, and the
// fingerprint, come to before they are taken and after.
await startEngine();

function ring(): string {
  const program = new Program();
  program.entry('step', {
    inputs: {},
    build: () => {
      const scalars = [2, 1, 1].map((number) => tf.scalar(number, 'int32'));
      const attrs = { merge_op: 'Add', final_op: 'Id', communication_hint: 'ring' };
      return { sum: shapedOp('CollectiveReduceV2', [tf.ones([2]), ...scalars], attrs, [2]) };
    },
  });
  program.dispose();
  return 'made';
}

function outcome(of: () => string): string {
  try {
    return of();
  } catch (error) {
    return String(error);
  }
}

const both = () => [outcome(ring), outcome(() => fingerprint().id)];
const before = both();
takeLiberties({});
process.stdout.write(JSON.stringify({ before, after: both() }));
