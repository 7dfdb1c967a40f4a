import { z } from 'zod';
import { canonicalJson, sha256Json } from '../base/index.ts';

/** What a platform computes, hashed: equal ids, equal bits. bf16 is absent where it cannot be computed. */
export const Numerics = z
  .strictObject({ fp32: z.string(), bf16: z.string().optional() })
  .readonly();
export type Numerics = z.infer<typeof Numerics>;

/** The kind of machine, as described; of a run that went on elsewhere, of all of them. */
export const Print = z.looseObject({ id: z.string(), device: z.string() }).readonly();
export type Print = z.infer<typeof Print>;

/** What tells on what something was computed. */
export interface Computed {
  readonly fingerprint: Print;
  /** Absent where it was made before there were ids. */
  readonly numerics?: Numerics | undefined;
}

interface ComputedExperiment extends Computed {
  readonly experiment: object;
}

/**
 * The id of the numerics that an experiment needs: that of bf16, which covers fp32 as well, where any part of it
 * computes in bf16. Undefined for fp16, which no id covers, and where there are no ids.
 */
export function numericsId(experiment: object, numerics: Computed['numerics']): string | undefined {
  const spelled = canonicalJson(experiment);
  if (spelled.includes('"precision":"fp16"')) return undefined;
  return spelled.includes('"precision":"bf16"') ? numerics?.bf16 : numerics?.fp32;
}

/** What a record is known by among platforms: its numerics, or where it has none the kind of its machine. */
export function platformId({ experiment, numerics, fingerprint }: ComputedExperiment): string {
  return numericsId(experiment, numerics) ?? fingerprint.id;
}

/**
 * Whether two runs have to have the same bits: their numerics are the same, or their machines of one kind, which is
 * the narrower notion.
 */
export function samePlatform(experiment: object, a: Computed, b: Computed): boolean {
  const [left, right] = [a, b].map(({ numerics }) => numericsId(experiment, numerics));
  return (left !== undefined && left === right) || a.fingerprint.id === b.fingerprint.id;
}

/** Whether an experiment computes in the way that gives the same bits on every CPU. */
export function isPortable(experiment: object): boolean {
  return 'numerics' in experiment && experiment.numerics === 'portable';
}

/** The machines of what two of them have made together. Numerics that they share stay; else the id is of both, in order. */
export function together(before: Computed, now: Computed): Computed {
  const fingerprint = mixed(before.fingerprint, now.fingerprint);
  if (fingerprint === before.fingerprint) return { fingerprint, numerics: now.numerics };
  const [left, right] = [before.numerics, now.numerics];
  if (left === undefined || right === undefined) return { fingerprint };
  const one = (a: string, b: string) => (a === b ? a : sha256Json([a, b]).slice(0, 12));
  const fp32 = one(left.fp32, right.fp32);
  if (left.bf16 === undefined || right.bf16 === undefined)
    return { fingerprint, numerics: { fp32 } };
  return { fingerprint, numerics: { fp32, bf16: one(left.bf16, right.bf16) } };
}

function mixed(before: Print, now: Print): Print {
  if (before.id === now.id) return before;
  const parts = [...(Array.isArray(before.parts) ? before.parts : [before]), now];
  const id = sha256Json(parts).slice(0, 12);
  return { id, device: now.device, parts };
}

/** A machine's processor for people, e.g. `AMD family 26 model 2`. */
export function cpuText({ cpu, parts }: Print): string {
  if (Array.isArray(parts)) return parts.map((part) => cpuText(Print.parse(part))).join(', then ');
  return typeof cpu === 'string' ? cpu.replace(/^(Authentic|Genuine)/, '') : 'unknown CPU';
}

/** One line that shows a difference between machines to whoever compares two logs. */
export function numericsLine(
  { fingerprint, numerics }: Computed,
  state?: string | undefined,
): string {
  const ids = Object.entries(numerics ?? {}).map(([precision, id]) => `${precision} ${id}`);
  return [
    `numerics ${ids.length === 0 ? `of fingerprint ${fingerprint.id}` : ids.join(' ')}`,
    cpuText(fingerprint),
    ...(state === undefined ? [] : [`state ${state.slice(0, 12)}`]),
  ].join(' · ');
}
