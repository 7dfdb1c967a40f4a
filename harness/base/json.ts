/**
 * A value of JSON text that somebody may have written by hand. A number beyond what a double holds, which
 * `JSON.parse` takes for Infinity, has no canonical form and is refused.
 * @throws SyntaxError, or RangeError where it is nested too deeply
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => {
    if (typeof value !== 'number' || Number.isFinite(value)) return value;
    throw new SyntaxError(`the number at "${key}" is too large`);
  });
}
