import { native } from '../native/capi.ts';
import { fingerprint } from '../native/fingerprint.ts';
import { leavesBf16 } from '../precision.ts';

/** What oneDNN's kernels for bf16 need at least; without, TensorFlow's own add up in bf16. */
const NEEDED = ['avx512bw', 'avx512dq', 'avx512f', 'avx512vl'];

/** Whether bf16 is computed as the harness means it: here, and under the limit on instruction sets. */
export function bf16Here(): boolean {
  if (native().library.device === 'gpu') return true;
  const { features } = fingerprint();
  return (
    leavesBf16(process.env.ONEDNN_MAX_CPU_ISA) && NEEDED.every((name) => features.includes(name))
  );
}
