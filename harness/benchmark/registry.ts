import { nearest, UserError } from '../base/index.ts';
import type { Methods } from '../experiment/index.ts';
import type { BenchmarkDefinition } from './definition.ts';

/** Protocols by `kind`. */
export type Benchmarks = Readonly<Record<string, BenchmarkDefinition>>;

/** Protocols by their kind, of the modules that define them. @throws where two are of one kind */
export function benchmarksByKind(modules: readonly object[]): Benchmarks {
  const found = new Map<string, BenchmarkDefinition>();
  for (const value of modules.flatMap((module) => Object.values(module))) {
    if (!isBenchmark(value)) continue;
    if (found.has(value.kind)) throw new Error(`benchmarks: a second one is of kind ${value.kind}`);
    found.set(value.kind, value);
  }
  return Object.fromEntries(found);
}

/** One protocol by name. @throws UserError naming the nearest one when it is not known. */
export function benchmarkNamed(kind: string, benchmarks: Benchmarks): BenchmarkDefinition {
  const definition = Object.hasOwn(benchmarks, kind) ? benchmarks[kind] : undefined;
  if (definition !== undefined) return definition;
  const known = Object.keys(benchmarks).sort();
  const near = nearest(kind, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  throw new UserError(`there is no benchmark ${kind}; ${hint}`);
}

/** The methods that protocols train by, for whatever reads the runs inside of a benchmark. */
export function methodsOf(benchmarks: Benchmarks): Methods {
  return Object.fromEntries(
    Object.values(benchmarks).flatMap(({ method }) =>
      method === undefined ? [] : [[method.kind, method] as const],
    ),
  );
}

function isBenchmark(value: unknown): value is BenchmarkDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && 'bindBenchmark' in value;
}
