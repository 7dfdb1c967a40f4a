import type { DType } from '../engine/array.ts';
import { collective, connected, nextNumber, receive, send } from '../engine/exchange.ts';
import type { Output } from '../engine/native/capi.ts';
import { castTo, op1, shapedOp } from '../engine/op.ts';
import { activeGraph, dtypeInGraph, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
import type { Layout } from './layout.ts';

/**
 * How tensors come from process to process: straight where servers are connected (`connectServers`), else by
 * TensorFlow's collectives. Nothing is computed on the way.
 */

/** The type in which values of a type travel: kernels take few, and all values of these fit into theirs. */
function carrierOf(dtype: DType): DType {
  if (dtype === 'bfloat16') return 'float32';
  return dtype === 'bool' || dtype === 'uint8' ? 'int32' : dtype;
}

/** The value of each process, alike in shape, by rank. */
export function partsOf(value: Tensor, layout: Layout): Tensor[] {
  const { processes } = layout;
  if (connected()) return swapped(new Array(processes).fill(value), layout);
  const rows = tf.split(gathered(value, processes), processes, 0);
  return rows.map((row) => tf.reshape(row, [...value.shape]));
}

/** [n, …] of every process → [P n, …] in order of rank. */
export function wholeOf(value: Tensor, layout: Layout): Tensor {
  return connected() ? tf.concat(partsOf(value, layout), 0) : gathered(value, layout.processes);
}

/**
 * @param parts of one shape: one for each process, by rank
 * @returns what each process has for this one, by rank
 */
export function swapped(parts: readonly Tensor[], layout: Layout): Tensor[] {
  const { processes, rank } = layout;
  if (!connected()) {
    const { inputs, attrs } = collective(activeGraph(), processes);
    const rows = tf.stack([...parts]);
    return tf.unstack(
      shapedOp('CollectiveAllToAllV2', [rows, ...inputs.map(wrap)], attrs, rows.shape),
    );
  }
  const key = `move ${nextNumber()}`;
  parts.forEach((part, to) => {
    if (to !== rank) send(unwrap(part), to, key);
  });
  return parts.map((own, from) => {
    if (from === rank) return own;
    return shaped(receive(from, key, dtypeInGraph(own)), own.shape);
  });
}

/** What comes in a shape that TensorFlow cannot tell while it is traced. */
export function shaped(value: Output, shape: readonly number[]): Tensor {
  const dims = unwrap(tf.tensor1d([...shape], 'int32'));
  return wrap({ oper: activeGraph().add('Reshape', [value, dims], {}).oper, index: 0 });
}

function gathered(value: Tensor, processes: number): Tensor {
  const dtype = dtypeInGraph(value);
  const { inputs, attrs } = collective(activeGraph(), processes);
  const [count = 1, ...rest] = value.shape.length > 0 ? value.shape : [1];
  const sent = castTo(value.shape.length > 0 ? value : tf.reshape(value, [1]), carrierOf(dtype));
  const shape = [count * processes, ...rest];
  return castTo(shapedOp('CollectiveGatherV2', [sent, ...inputs.map(wrap)], attrs, shape), dtype);
}

/** What process 0 has, on all. */
export function broadcastOf(value: Tensor, layout: Layout): Tensor {
  const { processes, rank } = layout;
  if (processes === 1) return value;
  const { inputs: numbers, attrs } = collective(activeGraph(), processes);
  const inputs = numbers.map(wrap);
  const { communication_hint, timeout_seconds } = attrs;
  const hints = { communication_hint, timeout_seconds };
  const dtype = dtypeInGraph(value);
  const carrier = carrierOf(dtype);
  if (rank === 0) {
    const sent = op1('CollectiveBcastSendV2', [castTo(value, carrier), ...inputs], hints);
    return castTo(sent, dtype);
  }
  const shape = tf.tensor1d([...value.shape], 'int32');
  const typed = { ...hints, T: { dtype: carrier } };
  return castTo(shapedOp('CollectiveBcastRecvV2', [...inputs, shape], typed, value.shape), dtype);
}
