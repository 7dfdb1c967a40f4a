import type { ViewSpec } from './spec.ts';

// Apart from the schema, so that the loader's threads need not hold its library.
/** Views that pipelines make of an image. */
export function viewCount(pipelines: readonly ViewSpec[]): number {
  const views = pipelines.map((pipeline) => {
    const last = pipeline.at(-1);
    return last?.kind === 'patches' ? last.grid * last.grid : 1;
  });
  return views.reduce((sum, count) => sum + count, 0);
}
