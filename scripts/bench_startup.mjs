import { command } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Time a start: phases in this process, then a whole command to its first step.',
    ends: 'tidies',
    options: { runs: { kind: 'int', help: 'whole commands to time', default: 1, min: 0 } },
  },
  async ({ options, print }) => {
    const { startPhases, wholeStart } = await load('tools/speed/startup.ts');
    await startPhases(print);
    for (let run = 0; run < options.runs; run++)
      print({ phase: 'whole command to the first step', ...(await wholeStart()) });
  },
);
