import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { listCheckpoints } from '../harness/weights/checkpoint.ts';
import { endAgainAndAgain } from './signals.fixture.ts';
import { writeExperiment } from './train.fixture.ts';
import { long, processesIn, startLine, stepsIn, until } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'background-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = writeExperiment(folder, { ...long, epochs: 16 });

test.each([
  ['nohup and a hangup', 'nohup TRAIN', 'SIGHUP' as const],
  ['& and the end of its shell', 'TRAIN', undefined],
  ['setsid and the end of its shell', 'setsid TRAIN', undefined],
])(
  'a run that was put in the background goes on: %s',
  async (name, line, signal) => {
    const workDir = join(folder, name.replaceAll(' ', '_').replace('&', 'and'));
    const output = '> /dev/null 2>&1';
    const start = `${line} ${file} --work_dir ${workDir} ${output} & while sleep 0.2; do :; done`;
    const shell = startLine(start);
    await stepsIn(workDir, 4);
    if (signal === undefined) shell.child.kill('SIGKILL');
    else for (const pid of processesIn(workDir)) process.kill(pid, signal);
    await new Promise((done) => setTimeout(done, 2500)); // longer than a watch takes to notice
    const [pid] = processesIn(workDir);
    expect(pid ?? listCheckpoints(workDir).at(-1)).toBeDefined();
    await until(() => processesIn(workDir).length === 0);
    expect(listCheckpoints(workDir).at(-1)).toMatch(/epoch_16.safetensors$/);
    shell.child.kill('SIGKILL');
  },
  120_000,
);

test('a run ended by a signal to itself or to its npx saves, and goes on to the same bits', async () => {
  await endAgainAndAgain(
    { line: 'exec TRAIN', signal: 'SIGTERM', code: 143 },
    { line: 'exec npx zx scripts/train.mjs', signal: 'SIGTERM' },
    { line: 'exec TRAIN', signal: 'SIGHUP', code: 129 },
    { line: 'exec npx zx scripts/train.mjs', signal: 'SIGKILL' },
  );
}, 480_000);
