import { startEngine } from '../../harness/engine/index.ts';
import { takeLiberties } from '../../harness/engine/liberties.ts';
import type { Liberty } from '../../reports/determinism_speed.ts';
import { type ScalingPlace, scalingSide } from './scaling_side.ts';
import { type Unordered, unorderedSums } from './unordered_sums.ts';

export interface DeterminismPlace extends ScalingPlace {
  /** What this side does without; a step as a run takes it where there is none. */
  readonly without: readonly Liberty[];
  /** How sums come from process to process where they have no order. */
  readonly way: Unordered;
}

/** As `scalingSide`, with or without what determinism costs. */
export async function determinismSide(
  { without, way, ...side }: DeterminismPlace,
  print: (result: object) => void,
): Promise<object> {
  if (without.length === 0) return scalingSide(side, print);
  const has = (liberty: Liberty) => without.includes(liberty);
  takeLiberties({
    ...(has('tree') ? { sums: unorderedSums(way) } : {}),
    folding: has('folding'),
    contraction: has('rounding'),
  });
  await startEngine();
  // Read when the libraries first compute, which is after they have been loaded.
  if (has('rounding')) process.env.XLA_FLAGS = '--xla_cpu_enable_fast_math=true';
  if (has('kernels')) process.env.TF_DETERMINISTIC_OPS = '0';
  return scalingSide(has('lanes') ? { ...side, lanes: side.cores } : side, print);
}
