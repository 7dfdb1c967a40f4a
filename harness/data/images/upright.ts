import { decodeImage, orientationOf } from './decode.ts';
import { type Image, image } from './image.ts';

/**
 * As `decodeImage`, and turned as the file's EXIF orientation asks, as photographs are looked at.
 * @throws UserError as `decodeImage`
 */
export async function decodeUpright(bytes: Uint8Array, name: string): Promise<Image> {
  const picture = await decodeImage(bytes, name);
  return turned(picture, await orientationOf(bytes));
}

/**
 * A picture turned by an orientation of EXIF's: 1 as it is, 2 mirrored, 3 half a turn, 4 upside down, 5
 * over the main diagonal, 6 a quarter clockwise, 7 over the other diagonal, 8 a quarter back. Any other
 * is 1.
 */
export function turned(picture: Image, orientation: number): Image {
  if (!(orientation >= 2 && orientation <= 8)) return picture;
  const { width, height, pixels } = picture;
  const lying = orientation >= 5;
  const out = lying ? image(height, width) : image(width, height);
  const right = [2, 3, 7, 8].includes(orientation); // columns of the file are read from the right
  const below = [3, 4, 6, 7].includes(orientation); // its rows from below
  for (let y = 0, to = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++, to += 3) {
      const [row, column] = lying ? [x, y] : [y, x];
      const fromRow = below ? height - 1 - row : row;
      const from = (fromRow * width + (right ? width - 1 - column : column)) * 3;
      for (let c = 0; c < 3; c++) out.pixels[to + c] = pixels[from + c] ?? 0;
    }
  return out;
}
