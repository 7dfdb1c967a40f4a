import { command, dataOption, reportOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Make those records of the zoo again that are no results of the code as it is.',
    ends: 'saves',
    options: {
      only: {
        kind: 'list',
        value: 'NAME',
        help: 'this training and what judges its weights; or random',
      },
      data: dataOption,
      work_dir: {
        kind: 'text',
        value: 'DIR',
        default: 'work_dirs/remake',
        help: 'where runs lie; what is finished there is not run again',
      },
      out: { ...reportOptions.out, help: 'where records lie and pages go' },
      list: { kind: 'flag', help: 'say what would be made again, run nothing' },
    },
    examples: ['--list', '--data ~/data', '--only simclr-cifar10 --data ~/data'],
  },
  async ({ options: { only: names, data, work_dir: workDir, out, list }, print }) => {
    const { remake, remakePlan } = await load('tools/remake/remake.ts');
    if (list) {
      const { planRows, planText } = await load('tools/remake/plan_text.ts');
      const rows = planRows(await remakePlan({ names, out }));
      return print({ rows }, planText(rows));
    }
    const changes = await remake({ names, out, data, workDir, tell });
    const { writeStanding } = await load('reports/write_standing.ts');
    const { file } = await writeStanding(out);
    const { changesText } = await load('tools/remake/change.ts');
    print({ file, changes }, `${changesText(changes)}\nwrote ${file}`);
  },
);
