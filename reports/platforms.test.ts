import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordOf } from '../harness/testing/records.ts';
import type { Golden } from '../harness/verify/golden_schema.ts';
import { allGoldens } from '../tools/bless/goldens.ts';
import {
  type Meeting,
  platformsMarkdown,
  readMeetings,
  withMeeting,
  writePlatforms,
} from './platforms.ts';

const record = recordOf({
  epochs: [{ top1: 1 }, { top1: 2 }],
  final: {},
  cpu: 'GenuineIntel family 6 model 207',
});
const chain = record.epochs.at(-1)?.chain ?? expect.unreachable();
const entry = { reason: 'x', command: '', commit: 'c0ffee', chain, changed: [], differences: [] };
const golden: Golden = {
  format: 'reprise-golden-2',
  horizon: 1,
  record,
  log: [entry],
  seal: chain,
};
const meeting: Meeting = {
  experiment: 'tiny',
  experimentId: record.experimentId,
  chain,
  platform: '111111111111',
  cpu: 'AMD family 26 model 2',
  fingerprint: 'bbbbbbbbbbbb',
  date: '2026-01-02',
  commit: 'decade',
};
const spaces = (text: string) => text.replaceAll(/ +/g, ' ');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'platforms-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the page of platforms', () => {
  it('has who made a golden, then who met it', () => {
    const page = spaces(platformsMarkdown([meeting], [golden]));
    expect(page).toContain(
      '| tiny | `aaaaaaaaaaaa` | 1 | Intel family 6 model 207 | `aaaaaaaaaaaa` | made there | `c0ffee` |\n' +
        '| | | | AMD family 26 model 2 | `111111111111` | 2026-01-02 | `decade` |\n\n## Portable',
    );
    expect(page).toContain('None yet.');
  });

  it('has portable goldens apart, and none that has changed since', () => {
    const experiment = { name: 'tiny', numerics: 'portable' };
    const portable = { ...golden, record: recordOf({ experiment, epochs: [{}, { top1: 3 }] }) };
    const page = spaces(platformsMarkdown([meeting], [portable]));
    expect(page).toMatch(/AVX2\.\n\n\| experiment .*\n.*\n\| tiny /);
    expect(page).not.toContain('AMD family 26');
    expect(page).toContain('Not shown, as their goldens have changed since: 1.');
  });

  it('comes from a file that is refused once a hand was on it', async () => {
    await writePlatforms(folder, [meeting], [golden]);
    expect(readMeetings(folder)).toEqual([meeting]);
    const file = join(folder, 'platforms.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('2026-01-02', '2026-01-03'));
    expect(() => readMeetings(folder)).toThrow('was changed by hand');
  });

  it('has one row of a golden and a kind of machine, the newest', () => {
    const later = { ...meeting, date: '2026-02-03' };
    const elsewhere = { ...meeting, fingerprint: 'cccccccccccc', cpu: 'AMD family 25 model 17' };
    expect(withMeeting([meeting], later)).toEqual([later]);
    expect(withMeeting([meeting], elsewhere)).toEqual([elsewhere, meeting]);
  });
});

it('the committed page is what the committed goldens and meetings give', () => {
  const reports = fileURLToPath(new URL('.', import.meta.url));
  const goldens = allGoldens(fileURLToPath(new URL('../golden', import.meta.url)));
  const page = readFileSync(join(reports, 'PLATFORMS.md'), 'utf8');
  expect(page).toBe(platformsMarkdown(readMeetings(reports), goldens));
});
