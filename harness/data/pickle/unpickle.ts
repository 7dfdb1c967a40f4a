import type { ByteSource } from './byte_source.ts';
import type { Allowed, Machine, Place } from './machine.ts';
import { OPCODES } from './opcodes.ts';

const STOP = 0x2e;

/**
 * Instructions that one pickle may have; each makes at most one value, and the largest empty one takes some 200 bytes,
 * so that a pickle never takes more than a GiB besides its own bytes. A checkpoint of two ResNets has fifty thousand.
 */
export const MOST_INSTRUCTIONS = 1 << 22;

/**
 * Reads one pickle of protocol 0 to 5. It makes numbers, texts, bytes, lists, tables (Map) and what is allowed by name,
 * and nothing else: no field of a value is ever set, nothing but allowed makers is called. Tuples and sets become
 * arrays, strings of Python 2 text of code points 0 to 255, whole numbers doubles.
 * @param source stands behind the pickle afterwards.
 * @throws Error that says what is refused or not understood; the caller knows the file's name.
 */
export function unpickle(
  source: ByteSource,
  allowed: Allowed,
): { readonly value: unknown; readonly longest: Place | undefined } {
  const machine: Machine = {
    ...{ source, allowed, memo: new Map(), below: [], stack: [], longest: undefined },
  };
  for (let done = 0; done < MOST_INSTRUCTIONS; done++) {
    const opcode = source.byte();
    if (opcode === STOP) return { value: machine.stack.pop(), longest: machine.longest };
    const run = OPCODES.get(opcode);
    if (run === undefined)
      throw new Error(`it has the unknown opcode ${opcode} at byte ${source.position() - 1}`);
    run(machine);
  }
  throw new Error(`it has more than ${MOST_INSTRUCTIONS} instructions`);
}

/** A value as text for messages and names; lists, tables and objects have none, as they can hold themselves. */
export function plainText(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function' ? '(no text)' : String(value);
}
