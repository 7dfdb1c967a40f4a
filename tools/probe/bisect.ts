import { z } from 'zod';
import { parse, readJson, UserError, writeAtomic } from '../../harness/base/index.ts';
import type { Graph } from '../../harness/engine/graph/graph.ts';
import { at } from '../../harness/engine/graph/origin.ts';
import { fingerprint } from '../../harness/engine/native/fingerprint.ts';
import { bf16Here } from '../../harness/engine/numerics/bf16.ts';
import { idsOf, type NumericsIds, probe } from '../../harness/engine/numerics/index.ts';
import { type HashedStep, type StepOptions, withHashedStep } from './step_hashes.ts';
import { nodeText, type StepNode } from './step_nodes.ts';

const Ids = z.strictObject({ fp32: z.string(), bf16: z.string().optional() });

/** What one machine made of a step. */
const StepFile = z.strictObject({
  format: z.literal('reprise step hashes 1'),
  experiment: z.string(),
  graph: z.string(),
  cpu: z.string(),
  numerics: Ids,
  inputs: z.record(z.string(), z.string()),
  nodes: z.record(z.string(), z.array(z.string())),
  state: z.record(z.string(), z.string()),
});
type StepFile = z.infer<typeof StepFile>;

/** An op that gives other bits for the same ones. */
export interface OtherOp {
  readonly node: string;
  readonly type: string;
  /** Types and shapes of what it takes and gives, and its attributes. */
  readonly op: string;
  /** The line that made it. */
  readonly where: string;
}

export interface Bisection {
  readonly experiment: string;
  readonly here: { readonly cpu: string; readonly numerics: NumericsIds };
  readonly there: { readonly cpu: string; readonly numerics: NumericsIds };
  /** Ops that were compared. */
  readonly ops: number;
  /** How many made other bits. */
  readonly differ: number;
  /** What was fed and is not the same: then it is no kernel that differs first. */
  readonly inputs: readonly string[];
  /** In the order of the step. */
  readonly first: readonly OtherOp[];
  /** Tensors that the step as runs take it leaves otherwise. */
  readonly state: readonly string[];
}

/** Writes a file of the hashes of a step's ops. @returns how many ops @throws UserError */
export async function saveStep(options: StepOptions, file: string): Promise<number> {
  return withHashedStep(options, async (step) => {
    await writeAtomic(file, `${JSON.stringify(await fileOf(step), undefined, 1)}\n`);
    return step.nodes.length;
  });
}

/**
 * Compares a step with the file of another machine.
 * @throws UserError for a file of another experiment or other code
 */
export async function againstStep(options: StepOptions, file: string): Promise<Bisection> {
  const there = parse(StepFile, readJson(file, 'hashes of a step'), file);
  return withHashedStep(options, async (step, { graph }) => {
    const here = await fileOf(step);
    for (const [what, mine, theirs] of [
      ['experiment', here.experiment, there.experiment],
      ['code graph', here.graph, there.graph],
    ] as const)
      if (mine !== theirs)
        throw new UserError(
          `${file}: its ${what} is ${theirs.slice(0, 12)}, here it is ${mine.slice(0, 12)}; save it again from the same experiment and code`,
        );
    return bisection(step, graph, here, there);
  });
}

function bisection(step: HashedStep, graph: Graph, here: StepFile, there: StepFile): Bisection {
  const other = new Set<string>();
  const first: StepNode[] = [];
  for (const node of step.nodes) {
    const { name } = node.node;
    const [mine, theirs] = [here.nodes[name], there.nodes[name]];
    for (const { index } of node.outputs.filter((_, i) => mine?.[i] !== theirs?.[i]))
      other.add(`${name}:${index}`);
    const differs = node.outputs.some(({ index }) => other.has(`${name}:${index}`));
    const fromOther = node.inputs.some((input) =>
      other.has(`${graph.maker(input)?.name}:${input.index}`),
    );
    if (differs && !fromOther) first.push(node);
  }
  return {
    experiment: here.experiment,
    here: { cpu: here.cpu, numerics: numericsOf(here) },
    there: { cpu: there.cpu, numerics: numericsOf(there) },
    ops: step.nodes.length,
    differ: new Set([...other].map((output) => output.replace(/:\d+$/, ''))).size,
    inputs: otherKeys(here.inputs, there.inputs),
    state: otherKeys(here.state, there.state),
    first: first.map((node) => ({
      node: node.node.name,
      type: node.node.type,
      op: nodeText(graph, node),
      where: at(node.node.origin),
    })),
  };
}

function otherKeys(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>) {
  return Object.keys({ ...a, ...b }).filter((name) => a[name] !== b[name]);
}

function numericsOf({ numerics: { fp32, bf16 } }: StepFile): NumericsIds {
  return { fp32, bf16 };
}

async function fileOf(step: HashedStep): Promise<StepFile> {
  const { experiment, graph, inputs, hashes, state } = step;
  // Never from the cache: where bits are in doubt, what it was keyed by may be what is wrong.
  const { fp32, bf16 } = idsOf(await probe(), bf16Here());
  return {
    ...{ format: 'reprise step hashes 1', experiment, graph },
    cpu: fingerprint().cpu,
    numerics: bf16 === undefined ? { fp32 } : { fp32, bf16 },
    inputs,
    nodes: Object.fromEntries([...hashes].map(([name, own]) => [name, [...own]])),
    state,
  };
}
