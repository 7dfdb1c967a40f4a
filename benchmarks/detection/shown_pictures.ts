/** The pictures that a detector saw best and worst, with what it found and what there is. */
import type { ObjectSource } from '../../harness/data/objects/objects.ts';
import { type Found, rleOfObject } from '../../harness/evaluation/object_scores.ts';
import {
  detectionSheetSvg,
  type Mark,
  type MarkState,
  type SheetCard,
} from '../../harness/pictures/detection_sheet.ts';
import {
  bestCut,
  type Cut,
  type Fate,
  foundByImage,
  LOOSE,
  pictureScore,
  type Verdict,
  verdictsOf,
} from './verdicts.ts';

/** One picture and how well it was seen. */
export interface SeenPicture {
  readonly image: number;
  /** `pictureScore` of it. */
  readonly score: number;
  readonly found: readonly Found[];
}

/** Pictures by how well they were seen. */
export interface Ranking {
  readonly cut: Cut;
  /** Best first, of equal ones in the order of the source, which is that of COCO's ids and of VOC's lists. */
  readonly pictures: readonly SeenPicture[];
}

/** Ranks the pictures in which anything counts, by the detections that are worth showing. */
export function rankPictures(source: ObjectSource, found: readonly Found[]): Ranking {
  const cut = bestCut(source, found);
  const lists = foundByImage(
    source.count,
    found.filter(({ score }) => score >= cut.score),
  );
  const pictures = lists.flatMap((own, image) => {
    const score = pictureScore(source.objects(image), own);
    return score === undefined ? [] : [{ image, score, found: own }];
  });
  return { cut, pictures: pictures.sort((a, b) => b.score - a.score || a.image - b.image) };
}

const STATES: Readonly<Record<Verdict | Fate, MarkState>> = {
  right: 'good',
  seen: 'good',
  wrong: 'bad',
  missed: 'bad',
  ignored: 'neutral',
};

/** A sheet of pictures: on the left what was found, on the right what there is. */
export async function sheetOf(
  source: ObjectSource,
  pictures: readonly SeenPicture[],
  title: string,
  { score }: Cut,
): Promise<string> {
  const cards: SheetCard[] = [];
  for (const picture of pictures) cards.push(await cardOf(source, picture));
  const lines = [
    `left: detections with scores of ${score.toFixed(2)} and more. Green: right at an IoU of ${LOOSE}.`,
    'Red, broken: wrong. Grey, dotted: not counted.',
    'right: what is annotated. Green: found. Red, broken: missed. Grey, dotted: crowded or difficult.',
  ];
  return detectionSheetSvg(cards, { title, lines });
}

async function cardOf(source: ObjectSource, { image, score, found }: SeenPicture) {
  const objects = source.objects(image);
  const verdicts = verdictsOf(objects, found, LOOSE);
  const names = source.classes;
  const claims = found.map((one, i): Mark & { score: number } => ({
    box: one.box,
    label: `${names[one.class] ?? one.class} ${one.score.toFixed(2)}`,
    state: STATES[verdicts.found[i] ?? 'wrong'],
    mask: one.mask,
    score: one.score,
  }));
  const masked = found.some(({ mask }) => mask !== undefined);
  const known = objects.map(
    (object, i): Mark => ({
      box: object.box,
      label: names[object.class] ?? String(object.class),
      state: STATES[verdicts.objects[i] ?? 'missed'],
      mask: masked ? rleOfObject(object, source, image) : undefined,
    }),
  );
  const number = (marks: readonly Mark[], state: MarkState) =>
    marks.filter((mark) => mark.state === state).length;
  const headings = [
    `${source.image(image).id}: F1 ${score.toFixed(2)}, ${number(claims, 'good')} right, ${number(claims, 'bad')} wrong`,
    `${number(known, 'good')} found, ${number(known, 'bad')} missed`,
  ] as const;
  claims.sort((a, b) => b.score - a.score);
  return { image: await source.read(image), headings, marks: [claims, known] } as const;
}
