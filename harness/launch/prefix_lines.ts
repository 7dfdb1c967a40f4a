import type { Readable } from 'node:stream';

/** Hands on what comes from a stream of text with a prefix before each line; the last line gets an end. */
export function prefixLines(
  from: Readable,
  prefix: string,
  write: (text: string) => unknown,
): void {
  let rest = '';
  from.setEncoding('utf8');
  from.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) write(lines.map((line) => `${prefix}${line}\n`).join(''));
  });
  from.on('end', () => {
    if (rest !== '') write(`${prefix}${rest}\n`);
  });
}
