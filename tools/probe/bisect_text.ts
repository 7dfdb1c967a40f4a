import type { Bisection } from './bisect.ts';

/** A bisection as people read it. */
export function bisectionText(found: Bisection): string {
  const { here, there, ops, differ, inputs, first, state } = found;
  const ids = ({ cpu, numerics: { fp32, bf16 } }: Bisection['here']) =>
    `${cpu}, numerics ${fp32} (fp32), ${bf16 ?? 'none'} (bf16)`;
  const head = [`here:  ${ids(here)}`, `there: ${ids(there)}`];
  if (inputs.length > 0)
    return [
      ...head,
      `the step is fed with other ${inputs.join(', ')}: data or drawing differ, before any kernel`,
    ].join('\n');
  if (differ === 0 && state.length > 0)
    return [
      ...head,
      `all ${ops} ops of the step make the same bits one by one, but the step leaves another ${state[0]} and ` +
        `${state.length - 1} more: a kernel differs that TensorFlow makes of several ops`,
    ].join('\n');
  if (differ === 0) return [...head, `all ${ops} ops of the step make the same bits`].join('\n');
  const named = first.map(({ op, node, where }) => `  ${op}\n    ${node} ${where}`);
  const lacking =
    here.numerics.fp32 === there.numerics.fp32
      ? ['the ids are the same, so the probe lacks these: add them to harness/engine/numerics']
      : [];
  return [
    ...head,
    `${differ} of ${ops} ops make other bits; those that make them of the same inputs:`,
    ...named,
    ...lacking,
  ].join('\n');
}
