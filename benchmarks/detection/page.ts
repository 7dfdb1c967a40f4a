/** The page of one detector, docs/reference/detection.md, section 14. */
import { markdownTable } from 'markdown-table';
import type { ObjectTruths } from '../../harness/data/objects/objects.ts';
import { AREAS } from '../../harness/metrics/coco_detection.ts';
import type { Picture } from '../../harness/pictures/write_pictures.ts';
import { type JudgedRegions, objectCounts } from './judge.ts';
import type { Judging } from './result_files.ts';

/** Areas of objects, in the order of `AREAS`, as people say them. */
export const SIZE_NAMES: readonly string[] = [
  'all',
  'small: to 32² pixels',
  'medium',
  'large: from 96² pixels',
];

export interface PageParts {
  readonly title: string;
  readonly judging: Judging;
  readonly truths: ObjectTruths;
  /** How many objects were found. */
  readonly found: number;
  readonly judged: readonly JudgedRegions[];
  /** With their paths from the page. */
  readonly pictures: readonly Picture[];
  /** Files of results, with their paths from the page. */
  readonly results: readonly string[];
}

/** Made of what was found alone, without dates: equal detections leave equal pages. */
export function detectionPage(parts: PageParts): string {
  const { title, truths, judged, pictures, results } = parts;
  return [
    `# ${title}`,
    '',
    introduction(parts),
    '',
    numbersTable(judged),
    '',
    '## By size',
    '',
    ...sizesTable(parts),
    '## By class',
    '',
    classesTable(truths, judged),
    '',
    ...pictures.flatMap(({ file, title: heading, note }) => [
      `## ${heading}`,
      '',
      ...(note === undefined ? [] : [note, '']),
      `![${heading}](${file})`,
      '',
    ]),
    '## Files for other tools',
    '',
    results.map((file) => `[\`${file}\`](${file})`).join(', '),
    '',
  ].join('\n');
}

const RULES: Readonly<Record<Judging, string>> = {
  voc: 'VOC 2007: average precision of eleven points at thresholds of IoU from 0.50 to 0.95',
  voc12: 'VOC since 2010: the area under the curve at thresholds of IoU from 0.50 to 0.95',
  coco: 'COCO: 101 points, ten thresholds of IoU, at most 100 detections of a picture',
};

function introduction({ judging, truths, found }: PageParts): string {
  const counts = objectCounts(truths);
  const objects = counts.reduce((sum, [all = 0]) => sum + all, 0);
  return (
    `${truths.count} pictures with ${objects} objects that count, of ${truths.classes.length} classes; ` +
    `${found} detections. Numbers are percent, judged by the rules of ${RULES[judging]}.`
  );
}

function numbersTable(judged: readonly JudgedRegions[]): string {
  const names = judged[0]?.numbers.map(([name]) => name) ?? [];
  return table(
    ['', ...names],
    judged.map(({ regions, numbers }) => [regions, ...numbers.map(([, value]) => shown(value, 2))]),
  );
}

function sizesTable({ judging, truths, judged }: PageParts): string[] {
  const counts = objectCounts(truths);
  const rows = AREAS.slice(1).map((_, i) => {
    const objects = counts.reduce((sum, own) => sum + (own[i + 1] ?? 0), 0);
    const values = judged.map(({ bySize }) => shown(bySize[i + 1], 1));
    return [SIZE_NAMES[i + 1] ?? '', String(objects), ...values];
  });
  const head = ['size', 'objects', ...judged.map(({ regions }) => `AP, ${regions}`)];
  const note =
    judging === 'coco'
      ? []
      : ["By COCO's rule, as VOC has none; difficult objects are left out as crowds are.", ''];
  return [...note, table(head, rows), ''];
}

/** The AP of each class, best first; one without objects has no row. */
function classesTable(truths: ObjectTruths, judged: readonly JudgedRegions[]): string {
  const counts = objectCounts(truths);
  const several = judged.length > 1;
  const head = judged.flatMap(({ regions }) =>
    ['AP', 'AP50', 'AP75', 'small', 'medium', 'large'].map((name) =>
      several ? `${name}, ${regions}` : name,
    ),
  );
  const first = judged[0]?.byClass ?? [];
  const order = [...first.keys()].filter((c) => Number.isFinite(first[c]?.AP ?? Number.NaN));
  order.sort((a, b) => (first[b]?.AP ?? 0) - (first[a]?.AP ?? 0) || a - b);
  const rows = order.map((c) => [
    truths.classes[c] ?? String(c),
    String(counts[c]?.[0] ?? 0),
    ...judged.flatMap(({ byClass }) => {
      const { AP, AP50, AP75, sizes = [] } = byClass[c] ?? {};
      return [AP, AP50, AP75, ...sizes.slice(1)].map((value) => shown(value, 1));
    }),
  ]);
  return table(['class', 'objects', ...head], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = head.map((_, column) => (column === 0 ? 'l' : 'r'));
  return markdownTable([head, ...rows], { align });
}

function shown(value: number | undefined, places: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(places);
}
