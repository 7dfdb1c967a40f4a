import { UserError } from '../base/errors.ts';
import { type Rle, rleOf } from './rle.ts';

const FIRST = 48; // the letter of 0
const BITS = 5;
const MORE = 0x20;
const SIGN = 0x10;
const LONGEST = 7; // letters of a number: more than any count has

/**
 * The letters that COCO writes a mask's counts with: from the third on the difference to the count
 * before the last, lowest five bits first, one letter each.
 */
export function rleText({ counts }: Rle): string {
  const letters: number[] = [];
  for (const [i, count] of counts.entries()) {
    let rest = i > 2 ? count - (counts[i - 2] ?? 0) : count;
    for (let more = true; more; ) {
      const low = rest & 0x1f;
      rest >>= BITS;
      more = (low & SIGN) !== 0 ? rest !== -1 : rest !== 0;
      letters.push((more ? low | MORE : low) + FIRST);
    }
  }
  return Buffer.from(letters).toString('latin1');
}

/** The mask of such letters. @throws UserError where they are none, or of another size */
export function rleOfText(height: number, width: number, text: string): Rle {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    for (let k = 0, more = true; more; k++, at++) {
      const letter = text.charCodeAt(at) - FIRST;
      if (!(letter >= 0 && letter < 2 * MORE) || k >= LONGEST)
        throw new UserError(
          `the counts of a mask break at letter ${at}; expected COCO's letters of run lengths`,
        );
      value += (letter & 0x1f) * 2 ** (BITS * k);
      more = (letter & MORE) !== 0;
      if (!more && (letter & SIGN) !== 0) value -= 2 ** (BITS * (k + 1));
    }
    counts.push(counts.length > 2 ? value + (counts.at(-2) ?? 0) : value);
  }
  return rleOf(height, width, counts);
}
