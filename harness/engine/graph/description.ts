import type { DType, HostArray } from '../array.ts';
import type { Output, Pointer } from '../native/capi.ts';
import { call, checked, TF_TYPE, toNative } from '../native/native.ts';
import type { OpDefinition } from './opdefs.ts';

export interface TypeAttr {
  readonly dtype: DType;
}
export interface ShapeAttr {
  readonly shape: readonly number[];
}
export interface FloatAttr {
  readonly float: readonly number[];
}
export interface TensorAttr {
  readonly tensor: HostArray;
}
/** What an attribute may be; its meaning follows from the op's definition. */
export type AttrValue =
  | number
  | bigint
  | string
  | boolean
  | readonly number[]
  | TypeAttr
  | ShapeAttr
  | FloatAttr
  | TensorAttr;
export type Attrs = Readonly<Record<string, AttrValue>>;

/**
 * Gives an op that is being described its inputs.
 * @param inputs flat list; list-typed arguments take as many as their number attribute says
 */
export function addInputs(
  description: Pointer,
  definition: OpDefinition,
  inputs: readonly Output[],
  attrs: Attrs,
): void {
  let used = 0;
  for (const argument of definition.inputs) {
    if (argument.numberAttr === '' && argument.typeListAttr === '') {
      call('TF_AddInput', description, inputs[used++]);
      continue;
    }
    const declared = attrs[argument.numberAttr];
    // An op with one list argument takes what is left of the inputs.
    const count = typeof declared === 'number' ? declared : inputs.length - used;
    call('TF_AddInputList', description, inputs.slice(used, used + count), count);
    used += count;
  }
}

/** Sets what does not follow from the inputs. @param op named in errors */
export function setAttrs(
  description: Pointer,
  definition: OpDefinition,
  op: string,
  attrs: Attrs,
): void {
  for (const [key, value] of Object.entries(attrs))
    if (!isInferred(definition, key)) setAttr(description, definition, op, key, value);
}

/** Type and count attributes that TensorFlow derives from the inputs must not be set by hand. */
function isInferred(definition: OpDefinition, name: string): boolean {
  return definition.inputs.some(
    (input) => input.typeAttr === name || input.numberAttr === name || input.typeListAttr === name,
  );
}

function setAttr(
  description: Pointer,
  definition: OpDefinition,
  op: string,
  name: string,
  value: AttrValue,
): void {
  const kind = definition.attributes.get(name);
  if (kind === undefined) return; // tfjs sets a few attributes that newer ops dropped
  const set = (suffix: string, ...args: readonly unknown[]) =>
    call(`TF_SetAttr${suffix}`, description, name, ...args);
  if (typeof value === 'object' && 'tensor' in value) {
    const tensor = toNative(value.tensor);
    checked(op, (status) => set('Tensor', tensor, status));
    call('TF_DeleteTensor', tensor);
  } else if (typeof value === 'object' && 'dtype' in value) set('Type', TF_TYPE[value.dtype]);
  else if (typeof value === 'object' && 'shape' in value)
    set('Shape', value.shape.map(BigInt), value.shape.length);
  else if (typeof value === 'object' && 'float' in value)
    set('FloatList', value.float, value.float.length);
  else if (kind === 'type') set('Type', Number(value));
  else if (kind === 'int') set('Int', typeof value === 'bigint' ? value : BigInt(Number(value)));
  else if (kind === 'float') set('Float', Number(value));
  else if (kind === 'bool') set('Bool', value ? 1 : 0);
  else if (kind === 'string') setText(description, name, String(value));
  else if (kind === 'shape' && Array.isArray(value)) set('Shape', value.map(BigInt), value.length);
  else if (kind === 'list(int)') {
    const list = [value].flat().map((item) => BigInt(Number(item)));
    set('IntList', list, list.length);
  } else throw new Error(`engine: ${op}.${name}: cannot set an attribute of type ${kind}`);
}

function setText(description: Pointer, name: string, value: string): void {
  const bytes = new TextEncoder().encode(value);
  call('TF_SetAttrString', description, name, bytes, bytes.length);
}
