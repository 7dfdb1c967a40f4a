import { extname } from 'node:path';
import sharp from 'sharp';
import { command } from './cli.mjs';
import { experimentArgument, experimentFrom, experimentOptions } from './experiment.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Show the views that a run sees of its samples, with all that was drawn for each.',
    arguments: [experimentArgument],
    options: {
      set: experimentOptions.set,
      data: { kind: 'text', value: 'DIR', help: 'folder that sources start from', default: 'data' },
      index: { kind: 'list', value: 'N', help: 'a sample; may be repeated (default: the first 8)' },
      epoch: { kind: 'list', value: 'E', help: 'epoch, from 0; may be repeated (default: 0, 1)' },
      out: { kind: 'text', value: 'FILE', help: 'contact sheet, .png, or page, .html' },
    },
    examples: ['moco --out views.png', 'moco-cifar10 --data ../shared/data --index 7 --json'],
  },
  async ({ options, args: [name], print }) => {
    const { openSource } = await load('harness/data/open_source.ts');
    const { changesText, contactSheet, showSample } = await load('harness/data/images/sheet.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const { experiment } = await experimentFrom(name, options);
    const { seed, data } = experiment;
    const source = await openSource(data.train, { data: options.data });
    const first = Array.from({ length: Math.min(8, source.count) }, (_, i) => i);
    const indices = await wholeNumbers('--index', options.index, first, source.count);
    const epochs = await wholeNumbers('--epoch', options.epoch, [0, 1], Number.MAX_SAFE_INTEGER);
    const samples = [];
    for (const index of indices)
      samples.push(await showSample(source, index, epochs, { seed, ...data }));
    if (options.out !== undefined) {
      await writeAtomic(options.out, await rendered(options.out, experiment.name, samples));
      process.stderr.write(`wrote ${options.out}\n`);
    }
    for (const { index, name: from, label, views } of samples)
      for (const { epoch, view, changes } of views)
        print(
          { index, name: from, label, epoch, view, changes },
          `image ${index} (${from}), epoch ${epoch}, view ${view}: ${changesText(changes)}`,
        );

    async function rendered(path, title, shown) {
      if (extname(path) !== '.html') return png(contactSheet(shown));
      const { viewsPage } = await load('reports/views.ts');
      const pictures = shown.flatMap((one) => [one.picture, ...one.views.map((v) => v.picture)]);
      const addresses = new Map();
      for (const picture of pictures)
        addresses.set(picture, `data:image/png;base64,${(await png(picture)).toString('base64')}`);
      return viewsPage(title, shown, (picture) => addresses.get(picture));
    }
  },
);

function png({ width, height, pixels }) {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

async function wholeNumbers(option, texts, otherwise, limit) {
  const { UserError } = await load('harness/base/errors.ts');
  if (texts.length === 0) return otherwise;
  return texts.map((text) => {
    const number = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0 && number < limit)
      return number;
    throw new UserError(`${option}: found "${text}", expected a whole number below ${limit}`);
  });
}
