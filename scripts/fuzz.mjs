import { command } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Feed a parser of outside data with changed files; each must end in a value or one sentence.',
    arguments: [{ name: 'TARGET', help: 'what parses them: safetensors, list, cifar, png, …' }],
    options: {
      seed: { kind: 'int', default: 22, min: 0, help: 'which files' },
      count: { kind: 'int', default: 2000, min: 1, help: 'how many' },
      file: { kind: 'int', help: 'only this one, which is kept in the current folder' },
    },
    examples: ['safetensors --count 100000', 'png --seed 22 --file 137'],
  },
  async ({ options, args: [name], print }) => {
    const { fuzzed } = await load('tools/fuzz/command.ts');
    const { faults, said } = await fuzzed(name, options);
    for (const fault of faults) print({ fault }, fault);
    print({ said, faults: faults.length }, said);
    return faults.length === 0 ? 0 : 1;
  },
);
