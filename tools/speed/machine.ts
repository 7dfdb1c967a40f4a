import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { SpeedReport } from '../../reports/speed.ts';

/** Instruction sets that decide between kernels. */
const FEATURES = /^(avx2|fma|avx512f|avx512_bf16|avx512_vnni|avx_vnni|amx_tile|amx_bf16)$/;

/** Today, as reports have it. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

export function processor(): { readonly cpu: string; readonly cores: number } {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() };
}

/** The machine as reports/speed.json tells it from others. */
export function machine(): SpeedReport['machine'] {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const line = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(info)?.[1];
  const flags = line('flags')?.split(' ') ?? [];
  const [family, model] = [line('cpu family'), line('model')];
  const { cpu, cores } = processor();
  return {
    cpu,
    ...(family && model ? { model: `family ${family} model ${model}` } : {}),
    cores,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    features: flags.filter((flag) => FEATURES.test(flag)),
  };
}
