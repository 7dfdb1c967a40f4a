import { type Sha256, sha256 } from '../base/index.ts';
import { fields } from '../engine/native/protobuf.ts';

const NODE = 1; // of GraphDef
const ATTRIBUTE = 5; // of NodeDef, a map

/**
 * SHA-256 over the nodes of a serialized GraphDef: names, ops, inputs and attributes. TensorFlow
 * writes the attributes of a node in an order that changes from process to process, so they are
 * sorted first; its version numbers are left out, as the library has a hash of its own.
 */
export function graphHash(graph: Uint8Array): Sha256 {
  return sha256(canonicalPieces(graph));
}

function* canonicalPieces(graph: Uint8Array): Generator<Uint8Array> {
  for (const { field, value } of fields(graph)) {
    if (field !== NODE || typeof value === 'number') continue;
    const parts = [...fields(value)].map((part) => ({
      field: part.field,
      bytes: typeof part.value === 'number' ? Buffer.from(String(part.value)) : part.value,
    }));
    const ordered = [
      ...parts.filter((part) => part.field !== ATTRIBUTE),
      ...parts
        .filter((part) => part.field === ATTRIBUTE)
        .sort((a, b) => Buffer.compare(a.bytes, b.bytes)),
    ];
    yield heading(ordered.length, value.length);
    for (const part of ordered) {
      yield heading(part.field, part.bytes.length);
      yield part.bytes;
    }
  }
}

/** Lengths before contents: no two graphs give the same sequence of bytes. */
function heading(kind: number, length: number): Uint8Array {
  return Buffer.from(`${kind}:${length};`);
}
