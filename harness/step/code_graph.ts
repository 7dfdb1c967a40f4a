import type { Sha256 } from '../base/index.ts';
import { graphHash } from './graph_hash.ts';
import { Learner } from './learner.ts';

/**
 * SHA-256 of the graph that an experiment has by itself, all replicas in one process and side by side. A
 * learner of another layout computes the same bits by another graph, so the ordinary one is traced for it.
 */
export function codeGraphHash({ ordinary, program, definition }: Learner): Sha256 {
  if (ordinary) return graphHash(program.graph.serialize());
  const twin = new Learner(definition);
  try {
    return graphHash(twin.program.graph.serialize());
  } finally {
    twin.dispose();
  }
}
