import { test } from 'vitest';
import { endAgainAndAgain } from './signals.fixture.ts';

// Killed at once, with npx as what is killed: that passes on no signal it dies of. Others: signals.long.test.ts.
test('a run told to end, or whose npx is gone, saves, and goes on to the same bits', async () => {
  await endAgainAndAgain(
    { line: 'exec TRAIN', signal: 'SIGTERM', code: 143 },
    { line: 'exec npx zx scripts/train.mjs', signal: 'SIGKILL' },
  );
}, 240_000);
