/** Below it the most similar row decides alone, above the other one rows hardly differ. */
const USUAL = [0.01, 1] as const;

/**
 * Says where a temperature makes a softmax over similarities of unit vectors, -1 to 1, of no use.
 * @param path of the setting
 */
export function temperatureWarnings(path: string, temperature: number): string[] {
  const [least, most] = USUAL;
  if (temperature >= least && temperature <= most) return [];
  const effect =
    temperature > most
      ? 'similarities from -1 to 1 hardly differ after the division'
      : 'the most similar one decides alone';
  return [`${path}: ${temperature}: ${effect}; 0.07 to 0.5 is usual`];
}
