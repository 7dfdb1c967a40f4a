import { it } from 'vitest';
import { sameBits } from './same_bits.ts';

// Blocks of three replicas are no parts of the tree over six, so more than one sum of each travels.
it('every method has the same bits with six replicas on 1, 2 and 3 processes', async () => {
  await sameBits({ batch: 2, accumulate: 1 }, 6, [2, 3]);
}, 3_600_000);
