import type { Sha256 } from '../base/index.ts';
import { heldNumerics, saidNumerics } from '../engine/arithmetic.ts';
import { heldLanes } from '../engine/lanes.ts';
import type { DataShape, Experiment, Methods } from '../experiment/index.ts';
import { codeGraphHash } from '../step/code_graph.ts';
import { openTraining } from './open_training.ts';

/**
 * SHA-256 of the step that today's code traces for an experiment, as in its record (`graph`). No data are opened.
 * Lanes are of the session and numerics of the process, not of the graph, so experiments of different ones can be
 * traced in one process.
 * @param shape of the data: methods with a memory of samples have a step of that many rows
 */
export async function tracedGraph(
  experiment: Experiment,
  methods: Methods,
  shape: DataShape,
): Promise<Sha256> {
  const { numerics: _, ...rest } = experiment;
  const here = { ...rest, ...saidNumerics(heldNumerics()), lanes: heldLanes() };
  const training = await openTraining({ experiment: here, methods, data: '.', shape });
  try {
    return codeGraphHash(training.learner);
  } finally {
    await training.dispose();
  }
}
