import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { StepRow } from '../harness/log/step_file.ts';
import { metricsOf } from '../harness/record/entries.ts';
import type { RunRecord } from '../harness/record/record.ts';

interface Point {
  readonly epoch: number;
  readonly value: number;
}

export interface Curve {
  readonly title: string;
  /** Mean loss of each epoch; of each step, thinner, where the steps are given. */
  readonly loss: readonly Point[];
  readonly steps: readonly Point[];
  /** k-NN top-1 in percent; epoch 0 is random weights. Empty where it was not measured. */
  readonly knn: readonly Point[];
}

const WIDTH = 360;
const HEIGHT = 220;
const STEPS_SHOWN = 400; // points that a line of this width can show

/** The learning curve of a record. @param steps of `steps.csv`, where they are at hand. */
export function curveOf(record: RunRecord, steps: readonly StepRow[] = []): Curve {
  const points = (metric: string): Point[] =>
    record.epochs.flatMap(({ epoch, metrics }) => {
      const value = metricsOf(metrics)[metric];
      return value === undefined ? [] : [{ epoch, value }];
    });
  return {
    title: record.experiment.name,
    loss: points('loss'),
    steps: stepPoints(record, steps),
    knn: points('knn_top1'),
  };
}

/** Means of neighbouring steps, placed in epochs. */
function stepPoints({ epochs }: RunRecord, steps: readonly StepRow[]): Point[] {
  const last = epochs.at(-1);
  if (last === undefined || last.epoch === 0) return [];
  const perEpoch = last.step / last.epoch;
  const width = Math.max(1, Math.ceil(steps.length / STEPS_SHOWN));
  return Array.from({ length: Math.floor(steps.length / width) }, (_, i) => {
    const some = steps.slice(i * width, (i + 1) * width);
    const sum = some.reduce((total, { metrics }) => total + (metrics.loss ?? Number.NaN), 0);
    return { epoch: (some.at(-1)?.step ?? 0) / perEpoch, value: sum / some.length };
  });
}

/**
 * A learning curve as SVG: loss on the left, k-NN beside it where there is any. Equal curves give equal
 * bytes; text stays text, in whatever sans-serif font the reader has.
 */
export async function curveSvg(curve: Curve): Promise<string> {
  const view = new View(parse(compile(specOf(curve)).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

function specOf({ title, loss, steps, knn }: Curve): TopLevelSpec {
  const random = knn.filter(({ epoch }) => epoch === 0);
  const panels = [
    panel('loss', [
      ...(steps.length === 0 ? [] : [line(steps, { color: '#9ecae1', strokeWidth: 1 })]),
      line(loss, marks(loss, '#08519c')),
    ]),
    ...(knn.length === 0
      ? []
      : [
          panel('k-NN top-1, %', [
            line(knn, marks(knn, '#a63603')),
            ...random.map(({ value }) => rule(value)),
          ]),
        ]),
  ];
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: title, anchor: 'start' },
    background: 'white',
    hconcat: panels,
    config: { font: 'sans-serif', view: { stroke: null } },
  } as TopLevelSpec;
}

function panel(title: string, layer: readonly object[]): object {
  return { width: WIDTH, height: HEIGHT, layer, title: { text: title, fontWeight: 'normal' } };
}

function line(values: readonly Point[], mark: object): object {
  return {
    data: { values },
    mark: { type: 'line', ...mark },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', title: 'epoch', axis: { tickMinStep: 1 } },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
    },
  };
}

/** A line with a point for each value, while they are few enough to be told apart. */
function marks(points: readonly Point[], color: string): object {
  return { color, ...(points.length <= 40 ? { point: { color } } : {}) };
}

/** Where random weights stand. */
function rule(value: number): object {
  const at = { y: { datum: value, type: 'quantitative' } };
  return {
    data: { values: [{}] },
    layer: [
      { mark: { type: 'rule', color: '#969696', strokeDash: [4, 3] }, encoding: at },
      {
        mark: { type: 'text', align: 'right', baseline: 'bottom', color: '#737373', dy: -3 },
        encoding: { ...at, x: { value: WIDTH }, text: { value: 'random weights' } },
      },
    ],
  };
}
