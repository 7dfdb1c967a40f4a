import { call, takeBuffer } from '../native/native.ts';
import { fields } from '../native/protobuf.ts';

/** The part of TensorFlow's OpDef that adding a node needs. */
export interface OpDefinition {
  readonly inputs: readonly InputDefinition[];
  /** Attribute name to type: `type`, `int`, `list(int)`, `string`, `shape`, … */
  readonly attributes: ReadonlyMap<string, string>;
}

export interface InputDefinition {
  readonly typeAttr: string;
  readonly numberAttr: string;
  readonly typeListAttr: string;
}

let encoded: ReadonlyMap<string, Uint8Array> | undefined;
const parsed = new Map<string, OpDefinition>();

/**
 * The definition of a TensorFlow op. The list of 1,500 is indexed once; an op is parsed on first use.
 * @throws when this TensorFlow has no such op.
 */
export function opDefinition(type: string): OpDefinition {
  const known = parsed.get(type);
  if (known !== undefined) return known;
  encoded ??= index();
  const message = encoded.get(type);
  if (message === undefined) throw new Error(`engine: TensorFlow has no op '${type}'`);
  const definition = parse(message);
  parsed.set(type, definition);
  return definition;
}

const text = new TextDecoder();
const asBytes = (value: number | Uint8Array) =>
  typeof value === 'number' ? new Uint8Array() : value;

function index(): ReadonlyMap<string, Uint8Array> {
  const list = takeBuffer(call('TF_GetAllOpList'));
  const byName = new Map<string, Uint8Array>();
  for (const { value } of fields(list)) {
    const message = asBytes(value);
    for (const part of fields(message)) {
      if (part.field !== 1) continue;
      byName.set(text.decode(asBytes(part.value)), message);
      break;
    }
  }
  return byName;
}

/** OpDef: 2 input_arg, 4 attr. ArgDef: 4 type_attr, 5 number_attr, 6 type_list_attr. AttrDef: 1 name, 2 type. */
function parse(message: Uint8Array): OpDefinition {
  const inputs: InputDefinition[] = [];
  const attributes = new Map<string, string>();
  for (const { field, value } of fields(message)) {
    if (field === 2) {
      const arg = strings(asBytes(value));
      inputs.push({
        typeAttr: arg.get(4) ?? '',
        numberAttr: arg.get(5) ?? '',
        typeListAttr: arg.get(6) ?? '',
      });
    } else if (field === 4) {
      const attribute = strings(asBytes(value));
      attributes.set(attribute.get(1) ?? '', attribute.get(2) ?? '');
    }
  }
  return { inputs, attributes };
}

function strings(message: Uint8Array): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const { field, value } of fields(message))
    if (typeof value !== 'number' && field <= 6 && !found.has(field))
      found.set(field, text.decode(value));
  return found;
}
