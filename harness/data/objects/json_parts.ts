import { closeSync, readSync } from 'node:fs';
import { JSONParser } from '@streamparser/json';
import { breath } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import { openToRead, reading } from '../../base/file_error.ts';

const PIECE = 1 << 20; // bytes

/**
 * Reads a file of JSON whose root is an object of lists, and hands over one item of a list at a time, so
 * that a file of any size takes little memory.
 * @param lists keys of the root; what stands under others is parsed and dropped
 * @param take told the list, the place in it, and the item, in the order of the file
 * @throws UserError that names the file and the byte where its JSON breaks, or a list that is not there or has no items
 */
export async function readJsonParts<Name extends string>(
  path: string,
  lists: readonly Name[],
  take: (list: Name, index: number, item: unknown) => void,
  signal?: AbortSignal,
): Promise<void> {
  const found = new Set<string>();
  const parser = new JSONParser({ paths: lists.map((name) => `$.${name}.*`), keepStack: false });
  let broken: Error | undefined;
  let last = 'its start';
  parser.onError = (error) => {
    broken ??= error;
  };
  parser.onValue = ({ value, key, stack }) => {
    const name = lists.find((one) => one === stack[1]?.key);
    if (broken !== undefined || name === undefined) return;
    if (typeof key !== 'number') broken = new Error(`"${name}" is no list`);
    else if (key === 0 && found.has(name)) broken = new Error(`"${name}" is there twice`);
    else take(name, key, value);
    found.add(name);
    last = `item ${key} of "${name}"`;
  };
  await inPieces(path, signal, (piece) => {
    if (broken === undefined) parser.write(piece);
    if (broken !== undefined) throw notRead(path, broken, last);
  });
  if (!parser.isEnded) throw notRead(path, new Error('it ends in the middle'), last);
  const missing = lists.find((name) => !found.has(name));
  if (missing !== undefined)
    throw new UserError(
      `${path} has nothing in a list "${missing}"; expected COCO's annotations, with ${lists.join(', ')}`,
    );
}

async function inPieces(
  path: string,
  signal: AbortSignal | undefined,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const piece = Buffer.alloc(PIECE);
  const file = openToRead(path);
  try {
    for (;;) {
      await breath(signal);
      const length = reading(path, () => readSync(file, piece));
      if (length === 0) return;
      take(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

function notRead(path: string, cause: Error, last: string): UserError {
  if (cause instanceof UserError) return cause;
  const place = /absolute position "(\d+)"/.exec(cause.message)?.[1];
  const where = place === undefined ? `behind ${last}` : `byte ${place}`;
  const reason = cause.message
    .replace(/ at chunk position .*$| in state .*$/s, '')
    .replace(/\.$/, '');
  return new UserError(
    `${path}, ${where}: ${reason}; expected COCO's annotations as JSON: mend it there, or copy the file again`,
    { cause },
  );
}
