import { cpuText, numericsId } from '../record/numerics.ts';
import type { RunRecord } from '../record/record.ts';

/**
 * What to say of two runs whose numerics have one id and whose bits differ all the same: both processors, and how to
 * find the kernel that the probe of the numerics lacks. Undefined where their ids or their machines say enough.
 */
export function unexplained(one: RunRecord, other: RunRecord): string | undefined {
  const id = numericsId(one.experiment, one.numerics);
  if (id === undefined || id !== numericsId(other.experiment, other.numerics)) return undefined;
  if (one.fingerprint.id === other.fingerprint.id) return undefined;
  return (
    `Both have numerics ${id}, and yet bits differ: ${cpuText(one.fingerprint)} (fingerprint ` +
    `${one.fingerprint.id}) and ${cpuText(other.fingerprint)} (${other.fingerprint.id}). The probe of the numerics ` +
    `lacks a kernel that ${one.experiment.name} uses. To find the tensor: run both with --states, then ` +
    'scripts/compare.mjs on their work directories; to find the kernel: `npx zx scripts/probe.mjs --bisect ' +
    `${one.experiment.name} --save here.json\` on one machine, and with \`--against here.json\` on the other`
  );
}
