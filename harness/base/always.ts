/**
 * Runs `body`, then everything that has to be given back, in order and all of it, whatever fails. The first failure
 * is what the caller gets: one of giving back never hides why there was nothing left to do but that.
 * @throws what `body` throws, else the first failure of `cleanups`
 */
export async function always<T>(
  body: () => Promise<T>,
  ...cleanups: readonly (() => unknown)[]
): Promise<T> {
  let failure: { readonly cause: unknown } | undefined;
  const attempt = async <R>(work: () => R | Promise<R>): Promise<R | undefined> => {
    try {
      return await work();
    } catch (cause) {
      failure ??= { cause };
      return undefined;
    }
  };
  const results: T[] = [];
  await attempt(async () => results.push(await body()));
  for (const cleanup of cleanups) await attempt(cleanup);
  if (failure !== undefined) throw failure.cause;
  const [result] = results;
  return result as T;
}
