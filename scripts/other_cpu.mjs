import { command } from './cli.mjs';
import { load } from './load.mjs';

const { CPUS, otherCpu } = await load('tools/cpuid/other_cpu.ts');

await command(
  import.meta.url,
  {
    summary: 'Print the variables under which libtensorflow sees another CPU.',
    arguments: [{ name: 'CPU', help: `one of: ${Object.keys(CPUS).join('; ')}` }],
    examples: ["'Sapphire Rapids (48K, 2M)'"],
  },
  async ({ args: [name], print }) => {
    const { UserError } = await load('harness/base/index.ts');
    if (!Object.hasOwn(CPUS, name))
      throw new UserError(
        `other_cpu: found "${name}", expected one of: ${Object.keys(CPUS).join('; ')}`,
      );
    const variables = otherCpu(CPUS[name]);
    if (variables === undefined) throw new UserError('other_cpu: gcc is needed; install it');
    const text = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
    print(variables, text.join('\n'));
  },
);
