import { appendFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { image } from '../data/images/image.ts';
import type { Source } from '../data/source.ts';
import type { SourceSpec } from '../data/spec.ts';
import { stream } from '../random/stream.ts';

/**
 * A source whose images differ in size and are quick to make: pixel bytes drawn from a stream of
 * their own. Some indices misbehave on request, which `data` names: `bad=3,5` cannot be read,
 * `exit=4` ends the thread, `closed` cannot be opened. `log=FILE` writes down every index that is read.
 */
export async function openSource(spec: SourceSpec, { data }: { data: string }): Promise<Source> {
  if (spec.kind !== 'generated') throw new Error(`test source: found ${spec.kind}`);
  if (data === 'closed') throw new UserError('closed: cannot be opened');
  const listed = (name: string) =>
    new RegExp(`${name}=([\\d,]+)`).exec(data)?.[1]?.split(',') ?? [];
  const bad = new Set(listed('bad').map(Number));
  const exit = new Set(listed('exit').map(Number));
  const log = /log=(\S+)/.exec(data)?.[1];
  return {
    count: spec.count,
    manifest: { sha256: '0'.repeat(64), count: spec.count, notes: [] },
    describe: (index) => `image ${index}`,
    read(index) {
      if (log !== undefined) appendFileSync(log, `${index}\n`);
      if (bad.has(index)) throw new UserError(`image ${index}: truncated`);
      if (exit.has(index)) process.exit(7);
      const draw = stream(spec.seed, 'test image', index);
      const width = spec.size + draw.int(0, 7);
      const height = spec.size + draw.int(0, 7);
      const made = image(width, height);
      for (let i = 0; i < made.pixels.length; i++) made.pixels[i] = (index * 31 + i * 7) & 255;
      return index % 3 === 0 ? Promise.resolve(made) : made;
    },
  };
}
