import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inTemporaryFolder } from '../../base/temporary.ts';
import { inProcess } from './ids.processes.ts';
import { remembered } from './memory.ts';

const IDS = { fp32: '0123456789ab', bf16: 'ba9876543210' };

/** What comes of a cache, and how often it had to be computed. */
async function asked(path: string | undefined, key: string) {
  let computed = 0;
  const ids = await remembered(path, key, async () => {
    computed++;
    return IDS;
  });
  return { ids, computed };
}

test('what was computed is remembered, with and without bf16', () =>
  inTemporaryFolder('numerics', async (folder) => {
    const path = join(folder, 'a', 'b.json');
    expect(await asked(path, 'k')).toEqual({ ids: IDS, computed: 1 });
    expect(await asked(path, 'k')).toEqual({ ids: IDS, computed: 0 });
    const narrow = { fp32: IDS.fp32, bf16: undefined };
    const other = join(folder, 'c.json');
    await remembered(other, 'k', async () => narrow);
    expect((await asked(other, 'k')).ids).toEqual(narrow);
    expect(readdirSync(join(folder, 'a'))).toEqual(['b.json']);
  }));

test('a file that was cut, altered or is of another key is not trusted', () =>
  inTemporaryFolder('numerics', async (folder) => {
    const path = join(folder, 'b.json');
    await asked(path, 'k');
    const good = readFileSync(path, 'utf8');
    expect((await asked(path, 'other')).computed).toBe(1);
    const altered = good.replace(IDS.fp32, '0123456789ac');
    for (const text of ['', '{}', 'null', good.slice(0, 40), altered, `${good}x`]) {
      writeFileSync(path, text);
      expect(await asked(path, 'k')).toEqual({ ids: IDS, computed: 1 });
      expect(await asked(path, 'k')).toEqual({ ids: IDS, computed: 0 }); // mended
    }
  }));

test('a cache that cannot be written, or none, costs a computation', () =>
  inTemporaryFolder('numerics', async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file', 'x.json'), undefined, '/dev/null/x.json'])
      expect(await asked(path, 'k')).toEqual({ ids: IDS, computed: 1 });
    mkdirSync(join(folder, 'taken.json'));
    expect((await asked(join(folder, 'taken.json'), 'k')).computed).toBe(1);
  }));

test('ids of processes are kept apart by lanes and by limits on instruction sets', () =>
  inTemporaryFolder('numerics', async (cache) => {
    const places = () => readdirSync(join(cache, 'reprise', 'numerics'));
    const { found: first } = await inProcess({ cache });
    expect(places()).toHaveLength(1);
    expect((await inProcess({ cache, times: 2 })).found).toEqual([...first, ...first]);
    expect(places()).toHaveLength(1);
    const { found: others } = await inProcess({ cache, lanes: 4 });
    expect(others).not.toEqual(first);
    await inProcess({ cache }, { ONEDNN_MAX_CPU_ISA: 'AVX2' });
    expect(places()).toHaveLength(3);
  }));
