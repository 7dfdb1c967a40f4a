/** What people look at after a detection benchmark: results for other tools, pictures, a page. */
import { join } from 'node:path';
import { breath, writeAtomic } from '../../harness/base/index.ts';
import { listPictures, PICTURES } from '../../harness/benchmark/pictures.ts';
import type { ObjectSource } from '../../harness/data/objects/objects.ts';
import type { Found } from '../../harness/evaluation/object_scores.ts';
import { AREAS } from '../../harness/metrics/coco_detection.ts';
import { classBarsSvg } from '../../harness/pictures/class_bars.ts';
import { precisionCurvesSvg } from '../../harness/pictures/precision_curves.ts';
import { sizeBarsSvg } from '../../harness/pictures/size_bars.ts';
import type { Picture } from '../../harness/pictures/write_pictures.ts';
import { type JudgedRegions, judgeDetections, objectCounts } from './judge.ts';
import { detectionPage, SIZE_NAMES } from './page.ts';
import { type Judging, writeResults } from './result_files.ts';
import { type Ranking, rankPictures, sheetOf } from './shown_pictures.ts';

export interface ShowOptions {
  /** Gets `detection.md`, the folders `results` and `pictures`; files of the same names are replaced. */
  readonly workDir: string;
  /** Of the page and of every picture. */
  readonly title: string;
  readonly source: ObjectSource;
  readonly found: readonly Found[];
  readonly judging: Judging;
  /** Pictures on each of the two sheets. */
  readonly sheet?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ShownDetections {
  readonly judged: readonly JudgedRegions[];
  /** In the order of the page, with paths from the work directory. */
  readonly pictures: readonly Picture[];
  /** Path of the page. */
  readonly page: string;
}

const RESULTS = 'results';
const SHEET = 6;

/**
 * Judges what was found and writes all of it; equal detections give equal bytes. Only the pictures of the
 * sheets are read.
 * @throws UserError where a number is not defined, a picture cannot be read, or a file cannot be written
 * @example await showDetections({ workDir, title: 'moco, VOC', source, found, judging: 'voc' });
 */
export async function showDetections(options: ShowOptions): Promise<ShownDetections> {
  const { workDir, title, source, found, judging, signal } = options;
  const results = await writeResults(join(workDir, RESULTS), source, found, judging, signal);
  await breath(signal);
  const judged = judgeDetections(source, found, judging);
  const pictures: Picture[] = [];
  for (const { make, ...picture } of [...charts(options, judged), ...sheets(options)]) {
    await breath(signal);
    await writeAtomic(join(workDir, PICTURES, picture.file), await make());
    pictures.push(picture);
  }
  await listPictures(join(workDir, PICTURES), [], pictures);
  const placed = pictures.map((one) => ({ ...one, file: `${PICTURES}/${one.file}` }));
  const files = results.map((file) => `${RESULTS}/${file}`);
  const parts = { title, judging, truths: source, found: found.length, judged };
  const page = join(workDir, 'detection.md');
  await writeAtomic(page, detectionPage({ ...parts, pictures: placed, results: files }));
  return { judged, pictures: placed, page };
}

interface Planned extends Picture {
  make(): Promise<string>;
}

function charts(
  { source, title }: ShowOptions,
  judged: readonly JudgedRegions[],
): readonly Planned[] {
  const counts = objectCounts(source);
  const ranges = AREAS.slice(1).map((_, i) => ({
    name: SIZE_NAMES[i + 1] ?? '',
    objects: counts.reduce((sum, own) => sum + (own[i + 1] ?? 0), 0),
  }));
  const series = judged.map(({ regions, bySize }) => ({ name: regions, values: bySize.slice(1) }));
  const sizes = {
    file: 'sizes.svg',
    title: 'Average precision by size',
    make: () => sizeBarsSvg(ranges, series, title),
  };
  const ofRegions = judged.flatMap(({ regions, byClass, curves, step }): Planned[] => {
    const values = Float64Array.from(byClass, ({ AP }) => AP);
    const objects = counts.map(([all = 0]) => all);
    const bars = { name: `AP of ${regions}`, values, counts: objects, counted: 'objects' };
    return [
      {
        file: `${regions}_curves.svg`,
        title: `Precision over recall, ${regions}`,
        make: () => precisionCurvesSvg(curves, source, { title: `${title}, ${regions}`, step }),
      },
      {
        file: `${regions}_classes.svg`,
        title: `Average precision by class, ${regions}`,
        make: () => classBarsSvg(bars, source, title),
      },
    ];
  });
  return [sizes, ...ofRegions];
}

function sheets({ source, found, title, sheet = SHEET }: ShowOptions): readonly Planned[] {
  const ranking = rankPictures(source, found);
  const { cut, pictures } = ranking;
  const best = pictures.slice(0, sheet);
  const others = pictures.slice(sheet); // none is on both sheets
  const worst = others.sort((a, b) => a.score - b.score || a.image - b.image).slice(0, sheet);
  const planned = (file: string, name: string, which: typeof best, note: string): Planned[] =>
    which.length === 0
      ? []
      : [
          {
            file,
            title: name,
            note,
            make: () => sheetOf(source, which, `${title}: ${name.toLowerCase()}`, cut),
          },
        ];
  return [
    ...planned('best.svg', 'Pictures that were seen best', best, sheetNote(ranking)),
    ...planned(
      'worst.svg',
      'Pictures that were seen worst',
      worst,
      'By the same measure, worst first.',
    ),
  ];
}

function sheetNote({ cut, pictures }: Ranking): string {
  const { score, precision, recall, f1 } = cut;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return (
    `Of ${pictures.length}, by F1 = 2 right / (detections + objects) of boxes, mean over the ten ` +
    'thresholds of IoU; of equal ones those that come first in the data. Drawn are detections with scores of ' +
    `${score.toFixed(3)} and more: there F1 over all pictures at an IoU of 0.5 is largest, ${percent(f1)}, with a ` +
    `precision of ${percent(precision)} and a recall of ${percent(recall)}. A label that finds no place is left out.`
  );
}
