import { readBytes, UserError } from '../../base/index.ts';
import { plainText } from '../../data/pickle/unpickle.ts';
import type { HostArray } from '../../engine/array.ts';
import { contentOfLegacy, contentOfZip } from './content.ts';
import { withBytes } from './file_bytes.ts';
import { bytesTaken, type Held, heldIn, hostArrayIn } from './held.ts';

const ZIP = 'PK\x03\x04';
/**
 * Tensors may overlap in a file, and entries may be packed: all tensors together may take this many times the file's
 * bytes and `SPARE` more, and so may all entries. Besides them a file takes its own bytes and a GiB for its pickle.
 */
export const GROWTH = 8;
export const SPARE = 1 << 24;
/** Values of a file that are looked at: more are no weights, but a small file that means a giant one. */
const MOST = 1_000_000;
const DEEPEST = 100; // tables inside each other
const LONGEST = 4096; // letters of a name

/** Tensors by their place in the file: keys of nested tables joined by dots, e.g. `state_dict.fc.weight`. */
export type TorchTensors = ReadonlyMap<string, HostArray>;

/**
 * The tensors of a file that `torch.save` wrote: a zip archive, or, before PyTorch 1.6, pickles and raw memory one
 * after another; numpy's arrays in it are tensors too. Whatever else it holds (epoch, settings) is left out. The
 * unpickler can make nothing but these, so that opening a stranger's file is safe.
 * @param wanted reads only the tensors whose name passes; it is asked for each once
 * @param look is shown the whole value, tensors without their elements
 * @returns elements as in the file; 8- and 16-bit whole numbers as int32
 * @throws UserError naming the file and what is wrong with it: cut short, TorchScript, a name that is none of the few
 *   that tensors need, tensors beyond their storage, or that are many times larger than the file.
 */
export function readTorchFile(
  path: string,
  wanted = (_name: string) => true,
  look = (_value: unknown) => {},
): TorchTensors {
  try {
    return withBytes(path, (file) => {
      const most = GROWTH * file.size + SPARE;
      const zipped = file.size >= 4 && file.read(0, 4).toString('latin1') === ZIP;
      const content = zipped ? contentOfZip(file, most) : contentOfLegacy(readBytes(path));
      look(content.value);
      const named = tensorsIn(content.value).filter(([name]) => wanted(name));
      checkSize(named, file.size, most);
      return new Map(named.map(([name, held]) => [name, hostArrayIn(name, held, content)]));
    });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `${path} is no file of PyTorch weights that can be read: ${reason}; ${MEND}`,
      { cause },
    );
  }
}

const MEND =
  'fetch it again, or write it anew in Python: torch.save(model.state_dict(), "weights.pth")';

/** All tensors below a value, each with its name. */
function tensorsIn(root: unknown): [string, Held][] {
  const found: [string, Held][] = [];
  let seen = 0;
  const enter = (value: unknown, name: string, depth: number): void => {
    seen += 1;
    if (seen > MOST) throw new Error(`it holds more than ${MOST} values`);
    if (depth > DEEPEST) throw new Error(`it holds tables more than ${DEEPEST} deep`);
    if (name.length > LONGEST) throw new Error(`it holds a name of ${name.length} letters`);
    const held = heldIn(value);
    if (held !== undefined) found.push([name, held]);
    else if (value instanceof Map || Array.isArray(value)) {
      const stem = name === '' ? '' : `${name}.`;
      for (const [key, entry] of value.entries())
        enter(entry, `${stem}${plainText(key)}`, depth + 1);
    }
  };
  enter(root, '', 0);
  const names = new Set<string>();
  for (const [name] of found) {
    if (names.has(name)) throw new Error(`it holds two tensors named ${name}`);
    names.add(name);
  }
  return found;
}

function checkSize(named: readonly [string, Held][], size: number, most: number): void {
  const wanted = named.reduce((sum, [, held]) => sum + bytesTaken(held), 0);
  if (wanted > most)
    throw new Error(`its tensors would take ${wanted} bytes, from a file of ${size}`);
}
