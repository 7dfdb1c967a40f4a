import { UserError } from '../../harness/base/index.ts';

/**
 * The values of a list option as whole numbers below a limit.
 * @param option for messages, e.g. `--index`
 * @throws UserError
 */
export function wholeNumbers(option: string, texts: readonly string[], limit: number): number[] {
  return texts.map((text) => {
    const number = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0 && number < limit)
      return number;
    throw new UserError(`${option}: found "${text}", expected a whole number below ${limit}`);
  });
}
