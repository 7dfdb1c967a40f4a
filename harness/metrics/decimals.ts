/**
 * A number with so many decimals as Python writes it: a number that lies right in the middle goes to the
 * even neighbour, where `toFixed` takes the upper one. Results of float32 boxes are often such halves.
 */
export function decimals(value: number, places: number): string {
  const scaled = Math.abs(value) * 10 ** places;
  const below = Math.floor(scaled);
  // Only a number with few binary digits can be a half exactly, and then the product is exact.
  const dyadic = Number.isInteger(value * 2 ** (places + 1)) && scaled < 2 ** 50;
  if (!dyadic || scaled - below !== 0.5) return value.toFixed(places);
  const even = (below % 2 === 0 ? below : below + 1) / 10 ** places;
  return `${value < 0 ? '-' : ''}${even.toFixed(places)}`;
}
