import { type ObjectSpec, objectSpec } from './object_spec.ts';

type DrawnSpec = Extract<ObjectSpec, { kind: 'drawnObjects' }>;

/** Drawn pictures for tests, with the defaults of the spec. */
export function drawnSpec(own: Partial<DrawnSpec> & { readonly count: number }): DrawnSpec {
  const spec = objectSpec.parse({ kind: 'drawnObjects', ...own });
  if (spec.kind !== 'drawnObjects') throw new Error('another kind');
  return spec;
}
