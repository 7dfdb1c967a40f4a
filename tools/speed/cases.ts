import { UserError } from '../../harness/base/index.ts';
import type { TimedStep } from '../../methods/settings.ts';
import { caseName, type SpeedCase } from '../../reports/speed.ts';
import { timedSteps } from './timed_steps.ts';

/** What is measured against PyTorch. */
export interface Case {
  /** As the report has it. */
  readonly shape: Omit<SpeedCase, 'pairs' | 'turn'>;
  readonly timed: TimedStep;
  /** Of a turn, or of a loop's run. */
  readonly steps: number;
}

const SHAPES = [
  { depth: 50, size: 224, batch: 8, target: { fp32: 1.05, bf16: 1.15 }, steps: 2 },
  { depth: 18, size: 32, batch: 64, target: { fp32: 1.2, bf16: 1.2 }, steps: 20 },
];
const LOOPS = [
  { depth: 50, size: 224, batch: 8, target: { fp32: 1.3, bf16: 1.3 }, steps: 10 },
  { depth: 18, size: 32, batch: 64, target: { fp32: 1.3, bf16: 1.3 }, steps: 20 },
];

/** Every case: by method, step before loop. */
export async function speedCases(): Promise<Case[]> {
  return (await timedSteps()).flatMap((timed) => [
    ...casesOf(timed, 'step', SHAPES),
    ...(timed.loop ? casesOf(timed, 'loop', LOOPS) : []),
  ]);
}

function casesOf(timed: TimedStep, kind: SpeedCase['kind'], shapes: typeof SHAPES): Case[] {
  return shapes.flatMap(({ depth, size, batch, target, steps }) =>
    (['fp32', 'bf16'] as const).map((precision) => ({
      shape: {
        method: timed.kind,
        kind,
        depth,
        size,
        batch,
        precision,
        target: target[precision],
      },
      timed,
      steps: Math.max(steps, timed.even ?? 0),
    })),
  );
}

export interface Chosen {
  readonly cases: readonly string[];
  /** Whose cases, or `all`. */
  readonly methods: readonly string[];
  /** Without them there is no loop. */
  readonly files: string | undefined;
}

/** Those that are asked for: by name or method, moco's where nothing is. @throws UserError */
export function chosen(cases: readonly Case[], { cases: names, methods, files }: Chosen): Case[] {
  const known = cases.filter(({ shape }) => shape.kind === 'step' || files !== undefined);
  for (const name of names) {
    if (known.some(({ shape }) => caseName(shape) === name)) continue;
    const list = known.map(({ shape }) => `'${caseName(shape)}'`).join(', ');
    throw new UserError(`--case: found '${name}', expected one of ${list}`);
  }
  const wanted = methods.length === 0 && names.length === 0 ? ['moco'] : methods;
  const asked = (method: string) => wanted.includes('all') || wanted.includes(method);
  return known.filter(({ shape }) => names.includes(caseName(shape)) || asked(shape.method));
}
