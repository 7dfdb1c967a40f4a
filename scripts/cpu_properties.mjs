import { command, reportOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Find out which results change bits with which property of the CPU; writes reports/cpu_properties.{json,md}.',
    options: { ...reportOptions },
  },
  async ({ options, print }) => {
    const { cpuProperties } = await load('tools/cpuid/properties.ts');
    const { report, page } = await cpuProperties(options, tell);
    print({ groups: report.groups }, page);
  },
);
