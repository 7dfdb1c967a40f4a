import { differenceText } from '../base/index.ts';
import type { RunComparison } from './compare.ts';
import { isSame } from './compare.ts';
import type { Parting, Rerun } from './rerun.ts';
import { tensorDifferenceText } from './tensor_difference.ts';

const SHOWN = 8;

/** What two work directories say, in lines for people. */
export function comparisonText(found: RunComparison): string {
  const { experiment, surroundings, steps, states, step, epoch, state } = found;
  const first = state?.tensors[0];
  const lines = [
    ...section('experiments differ', experiment.map(differenceText)),
    ...section('surroundings differ', surroundings.map(differenceText)),
    ...(step === undefined
      ? [`steps: ${steps} in both, all equal`]
      : section(`step ${step.step} is the first that differs`, step.columns.map(differenceText))),
    ...(epoch === undefined
      ? []
      : section(`epoch ${epoch.epoch} is the first that differs`, epoch.what.map(differenceText))),
    ...(state === undefined || first === undefined
      ? [states === 0 ? [] : [`states: ${states} in both, all equal`]].flat()
      : [
          `state: the first tensor that differs is ${first}, after step ${state.step}` +
            (state.tensors.length > 1 ? `, with ${state.tensors.length - 1} more` : ''),
        ]),
  ];
  const words = found.unexplained === undefined ? [] : [found.unexplained];
  const end = isSame(found) ? 'the same, bit by bit' : 'the runs part';
  return [...found.numerics, ...lines, ...words, end].join('\n');
}

/** What running both again has shown. */
export function rerunText(
  { from, until, parting, strays }: Rerun,
  runs: readonly string[],
): string {
  const lines = strays.flatMap((step, i) =>
    step === undefined
      ? []
      : [
          `${runs[i]}: step ${step}, run again here, does not give the numbers that were written ` +
            'down: it was made on another machine, by other code, or its files were changed',
        ],
  );
  const span = `steps ${from + 1} to ${until}, run again side by side`;
  if (parting === undefined) return [...lines, `${span}: all equal`].join('\n');
  return [...lines, ...partingLines(parting)].join('\n');
}

function partingLines({ step, inputs, outputs, tensors }: Parting): string[] {
  const [first] = tensors;
  return [
    first === undefined
      ? `step ${step}: its numbers differ, the state after it does not`
      : `step ${step}: the first tensor that differs is ${first.name}`,
    ...section('what went in', inputs.map(differenceText)),
    ...section('what came out', outputs.map(differenceText)),
    ...section('state after it', tensors.map(tensorDifferenceText)),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > SHOWN ? [`  … and ${lines.length - SHOWN} more`] : [];
  return [`${title}:`, ...lines.slice(0, SHOWN).map((line) => `  ${line}`), ...more];
}
