import { resolve } from 'node:path';
import { recipes } from '../../benchmarks/detection/recipes.ts';
import { benchmarks } from '../../benchmarks/index.ts';
import { parseBenchmark } from '../../harness/benchmark/experiment.ts';
import { firstTrained } from '../../harness/benchmark/trained.ts';
import type { Program } from '../../harness/engine/program.ts';
import { type Experiment, override } from '../../harness/experiment/index.ts';
import type { DetectionShape } from '../../reports/detection_speed.ts';

/** As `torch_detection_reference.py`. */
const ASPECT = 4 / 3;

/** Where paths of data would start; none is read. */
export const NOWHERE = resolve('/');

/** A step that is run again and again. */
export interface TimedDetection {
  readonly program: Program;
  /** @returns what is told of the last one */
  take(step: number): Promise<Readonly<Record<string, number>>>;
  dispose(): Promise<void> | void;
}

/** The recipe of VOC, with masks where they are asked for; the reference has 20 classes with them as well. */
export function experimentOf({ batch, precision, mask }: DetectionShape): Experiment {
  const value = {
    name: 'detection-speed',
    benchmark: { kind: 'detection', ...recipes.voc_c4_24k_moco.spec },
    weights: { kind: 'random' },
    backbone: { depth: 50 },
  };
  const settings = ['replicas=1', `batch=${batch}`, `precision=${precision}`, 'norm=batch'];
  if (mask) settings.push('detector.mask={}');
  const asked = parseBenchmark(
    override(
      value,
      settings.map((one) => `benchmark.${one}`),
    ),
    benchmarks,
  );
  return firstTrained(asked, benchmarks);
}

export function sidesOf({ size }: DetectionShape) {
  return { height: size, width: Math.round(size * ASPECT) };
}
