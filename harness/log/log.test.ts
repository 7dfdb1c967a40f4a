import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { epochsCsv } from './csv.ts';
import { RunLog } from './log.ts';
import { duration, textLine, trainLine, validationLine } from './log_format.ts';
import { showProgress, type Terminal } from './progress.ts';
import { readSteps } from './step_file.ts';

let folder = '';
let seconds = 0;
let shown = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'));
  seconds = 0;
  shown = '';
});
afterEach(() => rmSync(folder, { recursive: true }));
// Local time, as the files have it; the month counts from zero.
const start = new Date(2021, 0, 6, 12, 15, 17, 168).getTime();
const clock: Clock = { now: () => new Date(start + seconds * 1000), seconds: () => seconds };
const terminal: Terminal = { write: (text: string) => (shown += text) };

const LOSSES = [0.1, 0.2, 1 / 3, 4e-9, 5, 6.5, 7, 8.25, 9, 10];
const STEPS = 5; // an epoch; windows of two, so one step of each epoch is a tail

async function train(from: number, to: number): Promise<void> {
  const log = await RunLog.open({
    folder,
    seed: 3,
    environment: 'somewhere',
    epochs: 2,
    stepsPerEpoch: STEPS,
    everySteps: 2,
    resumeStep: from,
    clock,
    terminal,
  });
  log.startEpoch();
  for (let step = from + 1; step <= to; step++) {
    seconds += 0.25;
    log.dataReady();
    seconds += 0.75;
    const loss = LOSSES[step - 1] ?? 0;
    const images = step % 2 === 0 ? 4 : 8;
    log.step({ step, lr: 0.03 / step, momentum: 0.9, images, metrics: { loss, acc: step } });
    if (step % STEPS === 0) log.validation(step, 0.03, { knn_top1: 10 * step });
  }
  log.close();
}
const read = (pattern: RegExp) => {
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  expect(names).toHaveLength(1);
  return readFileSync(join(folder, names[0] ?? ''), 'utf8');
};
const jsonLines = () =>
  read(/\.log\.json$/)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the JSON log has the original format and full precision', async () => {
  await train(0, 10);
  expect(readdirSync(folder).sort()).toEqual([
    '20210106_121517.log.json',
    'steps.csv',
    'tf_logs',
    'train_20210106_121517.log',
  ]);
  const [head, ...lines] = jsonLines();
  expect(head).toEqual({ env_info: 'somewhere', seed: 3 });
  const places = lines.map(({ mode, epoch, iter }) => [mode, epoch, iter]);
  const epoch = (n: number) => [
    ['train', n, 2],
    ['train', n, 4],
    ['val', n, 5],
  ];
  expect(places).toEqual([...epoch(1), ...epoch(2)]);
  const keys = ['mode', 'epoch', 'iter', 'lr', 'time', 'data_time', 'memory', 'loss', 'acc'];
  expect(Object.keys(lines[0])).toEqual(keys);
  // Weighted by samples: (0.1 * 8 + 0.2 * 4) / 12, and so on.
  expect(lines[0]).toMatchObject({ lr: 0.015, time: 1, data_time: 0.25, loss: (0.8 + 0.8) / 12 });
  expect(lines[1].loss).toBe(((1 / 3) * 8 + 4e-9 * 4) / 12);
  expect(lines[2]).toEqual({ mode: 'val', epoch: 1, iter: 5, lr: 0.03, knn_top1: 50 });
});

test('the text log has the original lines', async () => {
  await train(0, 4);
  const [first = '', second = ''] = read(/^train_/).split('\n');
  expect(first).toMatch(
    /^2021-01-06 12:15:19,168 - reprise - INFO - Epoch \[1\]\[2\/5\]\tlr: 1\.500e-02, eta: 0:00:08, time: 1\.000, data_time: 0\.250, memory: \d+, loss: 0\.1333, acc: 1\.3333$/,
  );
  expect(second).toContain('Epoch [1][4/5]\tlr: 7.500e-03, eta: 0:00:06,');
  expect(shown).toContain('Epoch [1][2/5] lr: 1.500e-02, eta: 0:00:08');
});

test.each([1, 2, 3, 4, 5, 6, 7, 9])(
  'a run resumed at step %i leaves the same log and no step twice',
  async (at) => {
    await train(0, 10);
    const forget = (line: object) => JSON.stringify({ ...line, time: 0, data_time: 0, memory: 0 });
    const whole = jsonLines().map(forget);
    const steps = readFileSync(join(folder, 'steps.csv'), 'utf8');
    rmSync(folder, { recursive: true });
    seconds = 0;
    // The first part runs past its checkpoint before it is killed, in the middle of a line.
    await train(0, Math.min(at + 2, 10));
    const stepFile = join(folder, 'steps.csv');
    writeFileSync(stepFile, `${readFileSync(stepFile, 'utf8')}12,0.0`);
    const json = join(folder, '20210106_121517.log.json');
    writeFileSync(json, `${readFileSync(json, 'utf8')}{"mode":"tr`);
    await train(at, 10);
    expect(jsonLines().map(forget)).toEqual(whole);
    expect(readFileSync(stepFile, 'utf8')).toBe(steps);
    expect(jsonLines().every(({ time }) => time === undefined || time === 1)).toBe(true);
  },
);

test('steps come back in full precision', async () => {
  await train(0, 10);
  const rows = readSteps(folder);
  expect(rows.map(({ metrics }) => metrics.loss)).toEqual(LOSSES);
  expect(rows[2]).toEqual({ step: 3, lr: 0.01, images: 8, metrics: { loss: 1 / 3, acc: 3 } });
  expect(readSteps(join(folder, 'none'))).toEqual([]);
  writeFileSync(join(folder, 'steps.csv'), 'step,lr,images,loss\n1,2,3\n');
  expect(() => readSteps(folder)).toThrow('steps.csv is damaged');
});

test('lines of the original text log, from its documentation', () => {
  const entry = {
    mode: 'train',
    epoch: 1,
    iter: 50,
    lr: 30,
    time: 3.0023,
    data_time: 1.462,
    memory: 3223,
    metrics: { loss: 68.55066, acc: 14.28911 },
  } as const;
  const eta = 17 * 86400 + 9 * 3600 + 19 * 60 + 53.9;
  expect(trainLine(entry, 5005, eta)).toBe(
    'Epoch [1][50/5005]\tlr: 3.000e+01, eta: 17 days, 9:19:53, time: 3.002, data_time: 1.462, ' +
      'memory: 3223, loss: 68.5507, acc: 14.2891',
  );
  const val = { ...entry, mode: 'val', epoch: 10, iter: 5005, lr: 0.01 } as const;
  const metrics = { head0_top1: 14.752 };
  expect(validationLine({ ...val, metrics }, 5005)).toBe(
    'Epoch [10][5005/5005]\tlr: 1.000e-02, head0_top1: 14.7520',
  );
  expect(textLine(new Date(start), 'INFO', 'x')).toBe(
    '2021-01-06 12:15:17,168 - reprise - INFO - x\n',
  );
  expect([0, 59.9, 3600, 86400].map(duration)).toEqual([
    '0:00:00',
    '0:00:59',
    '1:00:00',
    '1 day, 0:00:00',
  ]);
});

test('per-epoch CSV keeps every digit and leaves gaps empty', () => {
  const rows = [
    { epoch: 1, metrics: { loss: 0.1 + 0.2 } },
    { epoch: 2, metrics: { loss: 1e-7, knn_top1: 50 } },
  ];
  expect(epochsCsv(rows)).toBe('epoch,loss,knn_top1\n1,0.30000000000000004,\n2,1e-7,50\n');
});

test('a terminal gets a bar, and messages do not tear it', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 120, cursorTo() {} });
  const ansi = { clearLine() {}, clearScreenDown() {}, moveCursor() {} };
  const bar = showProgress(Object.assign(stream, ansi), 10, 100);
  const moment = { epoch: 3, iter: 1, loss: 6.90775, imagesPerSecond: 812.4, dataShare: 0.021 };
  bar.update({ ...moment, etaSeconds: 723 });
  bar.line('a window', true);
  bar.line('a message');
  bar.close();
  const text = String(stream.read());
  expect(text).toMatch(
    /epoch 3\/10.*1\/100 {2}loss 6\.9078 {2}812 images\/s {2}data 2% {2}ETA 0:12:03/,
  );
  expect(text).toContain('a message\n');
  expect(text).not.toContain('a window');
});
