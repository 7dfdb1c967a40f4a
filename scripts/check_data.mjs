import { command, dataOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Open a data source, count and hash it, and say what is wrong with it.',
    arguments: [
      { name: 'SOURCE', help: 'as in an experiment, e.g. {"kind":"folder","root":"mine"}' },
    ],
    options: {
      data: dataOption,
      verify: { kind: 'flag', help: 'read every file again, also those that seem unchanged' },
      decode: { kind: 'flag', help: 'decode every image, and name those that are damaged' },
    },
    examples: [
      '\'{"kind":"folder","root":"photos/train"}\' --data ../shared/data --decode',
      '\'{"kind":"cifar10"}\' --data ../shared/data',
    ],
  },
  async ({ options, args: [text], print }) => {
    const { openSource } = await load('harness/data/open_source.ts');
    const { checkSamples, countLabels } = await load('harness/data/sources/check.ts');
    const { sourceWarnings } = await load('harness/data/source_warnings.ts');
    const { parseSource } = await load('harness/data/spec_text.ts');
    const spec = parseSource(text);
    const onProgress = (done, total) =>
      process.stderr.write(`\rhashed ${done} of ${total}${done === total ? '\n' : ''}`);
    const source = await openSource(spec, { ...options, onProgress });
    const { count, classes, manifest } = source;
    const perClass = countLabels(source);
    const { sha256, notes } = manifest;
    print(
      { count, classes, perClass, sha256, notes },
      `${count} images, SHA-256 ${sha256}\nper class: ${perClass.map((one) => [one].flat().join(': ')).join(', ')}`,
    );
    for (const warning of sourceWarnings('source', source)) tell(`warning: ${warning}`);
    let unusable = 0;
    if (options.decode) {
      for await (const finding of checkSamples(source)) {
        if (!finding.usable) unusable++;
        print(finding, `${finding.usable ? 'warning' : 'unusable'}: ${finding.message}`);
      }
    }
    return unusable > 0 ? 1 : 0;
  },
);
