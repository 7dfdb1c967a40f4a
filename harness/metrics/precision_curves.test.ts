import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import { boxTask } from './coco_boxes.ts';
import { cocoDetection } from './coco_detection.ts';
import { cocoCurves, meanCurve, meanPrecision, vocCurves } from './precision_curves.ts';
import { type VocBox, vocDetection } from './voc_detection.ts';

const golden = join(fileURLToPath(import.meta.url), '../../../golden/metrics');

describe("COCO's curves", () => {
  const text = readFileSync(join(golden, 'coco_cases.json'), 'utf8');
  const cases: { name: string; annotations: unknown; detections: unknown }[] = JSON.parse(text);
  const { tensors } = readSafetensors(join(golden, 'coco_cases.safetensors'));

  it.each(cases)('$name: their means are the precisions of pycocotools', (one) => {
    const scores = cocoDetection(boxTask(one.annotations, one.detections));
    const curves = cocoCurves(scores);
    // [10 IoU, categories, 4 areas, 3 limits]; of all sizes and the largest limit.
    const expected = tensors.get(`${one.name}.precision`)?.data ?? [];
    const at = (iou: number, k: number) =>
      Number(expected[(iou * scores.categories.length + k) * 12 + 2]);
    const meanOf = (curve: Float64Array | undefined) =>
      curve === undefined ? -1 : meanPrecision(curve, 1);
    for (const k of scores.categories.keys()) {
      expect(meanOf(curves['0.50'][k])).toBeCloseTo(at(0, k), 12);
      expect(meanOf(curves['0.75'][k])).toBeCloseTo(at(5, k), 12);
      const ten = Array.from({ length: 10 }, (_, iou) => at(iou, k));
      expect(meanOf(curves.mean[k])).toBeCloseTo(ten.reduce((a, b) => a + b, 0) / 10, 12);
    }
  });
});

const side = fc.integer({ min: 1, max: 30 });
const box = fc.tuple(side, side, side, side).map(([x, y, w, h]): VocBox => [x, y, x + w, y + h]);
const seen = fc.record({ image: fc.constantFrom(0, 1), class: fc.constantFrom(0, 1), box });
const sets = fc.record({
  truths: fc.array(
    seen.map((one) => ({ ...one, difficult: false })),
    { minLength: 1, maxLength: 12 },
  ),
  // Near truths as well as anywhere, so that recalls of many shares come up.
  extra: fc.array(fc.tuple(seen, fc.constantFrom(0.2, 0.4, 0.6, 0.8)), { maxLength: 12 }),
  near: fc.array(fc.constantFrom(0.1, 0.3, 0.5, 0.9), { maxLength: 12 }),
});

describe("VOC's curves", () => {
  it('have the eleven points whose mean is the AP', () => {
    fc.assert(
      fc.property(sets, ({ truths, extra, near }) => {
        // Both classes need a truth for VOC's numbers to be defined.
        const known = [...truths, ...truths.map((one) => ({ ...one, class: 1 - one.class }))];
        const detections = [
          ...extra.map(([one, score]) => ({ ...one, score })),
          ...near.flatMap((score, i) => {
            const one = known[i % known.length];
            return one === undefined ? [] : [{ ...one, score }];
          }),
        ];
        const task = { classes: ['a', 'b'], images: 2, rule: '11_point' } as const;
        const { apOfEach } = vocDetection(known, detections, task);
        const curves = vocCurves(known, detections, 2);
        const of = (curve: Float64Array | undefined) =>
          meanPrecision(curve ?? new Float64Array(101), 10);
        for (const c of [0, 1]) {
          expect(of(curves['0.50'][c])).toBeCloseTo(apOfEach[c] ?? -1, 12);
          expect(of(curves['0.75'][c])).toBeCloseTo(apOfEach[5 * 2 + c] ?? -1, 12);
          const ten = Array.from({ length: 10 }, (_, t) => apOfEach[2 * t + c] ?? -1);
          expect(of(curves.mean[c])).toBeCloseTo(ten.reduce((a, b) => a + b, 0) / 10, 12);
        }
      }),
      { numRuns: 150, seed: 26 },
    );
  });

  it('are missing for a class that nothing counts of', () => {
    const one = { image: 0, class: 0, box: [1, 1, 5, 5] as const, difficult: false };
    const curves = vocCurves([one, { ...one, class: 1, difficult: true }], [], 3);
    expect(curves.mean.map((curve) => curve === undefined)).toEqual([false, true, true]);
    expect(meanCurve(curves.mean)).toEqual(new Float64Array(101));
    expect(meanCurve([undefined])).toBeUndefined();
  });
});
