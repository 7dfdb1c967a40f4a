import { resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import { recipeExports } from '../../harness/experiment/index.ts';
import type { Scale, TimedStep } from '../../methods/settings.ts';
import { root } from '../command/root.ts';

/** Classes of the images of every timed step, whatever their size. */
export const CLASSES = 1000;

const SAMPLES: Readonly<Record<Scale, number>> = { imagenet: 1281167, cifar10: 50000 };

/** Images below this side are taken for CIFAR-10's. */
const LARGE = 64;

function scaleOf(size: number): Scale {
  return size < LARGE ? 'cifar10' : 'imagenet';
}

/** Images of the data set that images of this size stand for. */
export function samplesOf(size: number): number {
  return SAMPLES[scaleOf(size)];
}

/** The numbers that a method's step depends on besides its shape, by the names of PyTorch's options. */
export function numbersOf(
  { perImage, numbers }: TimedStep,
  size: number,
): Readonly<Record<string, number>> {
  return {
    ...(perImage ? { samples: samplesOf(size) } : {}),
    ...numbers?.[scaleOf(size)],
  };
}

/** The timed step of every method, as its recipes export it, in the order of tables. */
export async function timedSteps(): Promise<TimedStep[]> {
  const found = await recipeExports([resolve(root, 'methods')]);
  return found
    .flatMap(({ value }) => (isTimedStep(value) ? [value] : []))
    .sort((a, b) => a.row - b.row);
}

/** The one that a name means, `relative_loc` as well as `relativeLoc`. @throws UserError */
export async function timedStepNamed(name: string): Promise<TimedStep> {
  const steps = await timedSteps();
  const plain = (text: string) => text.toLowerCase().replaceAll('_', '');
  const found = steps.find(({ kind }) => plain(kind) === plain(name));
  if (found !== undefined) return found;
  const list = steps.map(({ kind }) => kind).join(', ');
  throw new UserError(`--method: found '${name}', expected one of ${list}`);
}

/** @throws UserError where the whole loop of a method is not timed. */
export async function checkLoop({ kind, loop }: TimedStep): Promise<void> {
  if (loop) return;
  const kinds = (await timedSteps()).flatMap((step) => (step.loop ? [step.kind] : []));
  throw new UserError(`--files: found --method ${kind}, expected ${kinds.join(', ')}`);
}

/** The type of `speed` is checked where it is written. */
function isTimedStep(value: unknown): value is TimedStep {
  return typeof value === 'object' && value !== null && 'kind' in value && 'row' in value;
}
