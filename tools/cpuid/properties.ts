import { resolve } from 'node:path';
import { UserError, writeAtomic } from '../../harness/base/index.ts';
import { CPU_BUILD, digestOf, filesOf } from '../../harness/engine/library/pins.ts';
import { type CpuReport, cpuMarkdown, cpuReport } from '../../reports/cpu_properties.ts';
import { processor, today } from '../speed/machine.ts';
import { CPUS, type OtherCpu, otherCpu } from './other_cpu.ts';
import type { SurveyTask } from './survey.child.ts';
import { surveyOn } from './survey.ts';

export interface PropertiesOptions {
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

interface Change {
  readonly cpu?: OtherCpu;
  readonly lanes?: number;
}

interface Group {
  readonly name: string;
  readonly task: SurveyTask;
  readonly environment?: Readonly<Record<string, string>>;
  readonly changes: Readonly<Record<string, Change>>;
}

const NAME = 'Zen 5 (48K, 1M)';
const REFERENCE: OtherCpu = { ...CPUS[NAME], smt: 1, hide: 'amx' };

const CACHES: Readonly<Record<string, Change>> = {
  'L1 32K': { cpu: { l1: 32 } },
  'L2 512K': { cpu: { l2: 512 } },
  'L2 1.25M': { cpu: { l2: 1280 } },
  'L2 2M': { cpu: { l2: 2048 } },
  'L3 105M': { cpu: { l3: 107_520 } },
  '2 threads a core': { cpu: { smt: 2 } },
  'vendor Intel': { cpu: { vendor: 'GenuineIntel', family: 6, model: 143 } },
};

const GROUPS: readonly Group[] = [
  {
    name: 'portable',
    task: { precisions: ['fp32'], numerics: 'portable' },
    changes: Object.fromEntries(Object.entries(CPUS).map(([name, cpu]) => [name, { cpu }])),
  },
  {
    name: 'AVX2 alone',
    task: { precisions: ['fp32'] },
    environment: { ONEDNN_MAX_CPU_ISA: 'AVX2' },
    changes: { ...CACHES, 'no AVX-512': { cpu: { hide: 'avx512' } } },
  },
  {
    name: 'native',
    task: { precisions: ['fp32', 'bf16'] },
    changes: { ...CACHES, '4 lanes for 2': { lanes: 4 } },
  },
  {
    name: 'native, fp32',
    task: { precisions: ['fp32'] },
    changes: { 'no AVX-512': { cpu: { hide: 'avx512' } } },
  },
];

/**
 * Surveys this machine as other CPUs, property by property, and writes down which results change. The
 * report is written after each row, so that what was found stays.
 */
export async function cpuProperties(
  { out, date }: PropertiesOptions,
  tell: (line: string) => void,
): Promise<{ readonly report: CpuReport; readonly page: string }> {
  if (otherCpu({}) === undefined)
    throw new UserError('cpu_properties: gcc is needed to see other CPUs; install it');
  const groups: { name: string; rows: CpuReport['groups'][number]['rows'][number][] }[] = [];
  let report: CpuReport | undefined;
  for (const { name, task, environment = {}, changes } of GROUPS) {
    const run = ({ cpu, lanes }: Change) =>
      surveyOn(
        { ...task, ...(lanes === undefined ? {} : { lanes }) },
        { cpu: { ...REFERENCE, ...cpu }, environment },
      );
    const plain = await run({});
    const rows: (typeof groups)[number]['rows'] = [];
    groups.push({ name, rows });
    for (const [property, change] of Object.entries(changes)) {
      const found = await run(change);
      const names = Object.keys(found);
      const differing = names.filter((result) => found[result] !== plain[result]);
      rows.push({ property, compared: names.length, differing });
      tell(`${name}, ${property}: ${differing.length} of ${names.length}`);
      report = cpuReport.parse({
        date: date ?? today(),
        machine: processor(),
        library: digestOf(filesOf(CPU_BUILD)),
        reference: `a ${NAME}`,
        groups,
      });
      await writeAtomic(
        resolve(out, 'cpu_properties.json'),
        `${JSON.stringify(report, null, 1)}\n`,
      );
      await writeAtomic(resolve(out, 'cpu_properties.md'), cpuMarkdown(report));
    }
  }
  if (report === undefined) throw new Error('cpu_properties: nothing to survey');
  return { report, page: cpuMarkdown(report) };
}
