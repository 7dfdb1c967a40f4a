import { extname } from 'node:path';
import sharp from 'sharp';
import { writeAtomic } from '../../harness/base/index.ts';
import { contactSheet, type ShownSample, showSample } from '../../harness/data/images/sheet.ts';
import { openSource } from '../../harness/data/open_source.ts';
import { sourceWarnings } from '../../harness/data/source_warnings.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import { viewsPage } from '../../reports/views.ts';
import { wholeNumbers } from '../command/whole_numbers.ts';

export interface ViewsOptions {
  /** Folder that sources start from. */
  readonly data: string;
  /** Samples; the first 8 where none is named. */
  readonly index: readonly string[];
  /** Epochs from 0; the first two where none is named. */
  readonly epoch: readonly string[];
}

/** The views that a run sees of some samples. @throws UserError */
export async function shownSamples(
  { seed, data }: Experiment,
  { data: folder, index, epoch }: ViewsOptions,
): Promise<ShownSample[]> {
  const source = await openSource(data.train, { data: folder });
  for (const warning of sourceWarnings('data.train', source))
    process.stderr.write(`warning: ${warning}\n`);
  const first = Array.from({ length: Math.min(8, source.count) }, (_, i) => i);
  const asked = wholeNumbers('--index', index, source.count);
  const epochs = wholeNumbers('--epoch', epoch, Number.MAX_SAFE_INTEGER);
  const samples: ShownSample[] = [];
  for (const one of asked.length > 0 ? asked : first)
    samples.push(
      await showSample(source, one, epochs.length > 0 ? epochs : [0, 1], { seed, ...data }),
    );
  return samples;
}

/** Writes samples and their views as a contact sheet, or as a page where the name ends in `.html`. */
export async function writeViews(
  file: string,
  title: string,
  samples: readonly ShownSample[],
): Promise<void> {
  const content =
    extname(file) === '.html' ? await page(title, samples) : await png(contactSheet(samples));
  await writeAtomic(file, content);
}

type Picture = ShownSample['picture'];

async function page(title: string, samples: readonly ShownSample[]): Promise<string> {
  const pictures = samples.flatMap(({ picture, views }) => [
    picture,
    ...views.map((view) => view.picture),
  ]);
  const addresses = new Map<Picture, string>();
  for (const picture of pictures) {
    const bytes = (await png(picture)).toString('base64');
    addresses.set(picture, `data:image/png;base64,${bytes}`);
  }
  return viewsPage(title, samples, (picture) => addresses.get(picture) ?? '');
}

function png({ width, height, pixels }: Picture): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
