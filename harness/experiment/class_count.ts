import { UserError } from '../base/index.ts';
import type { DataShape } from './method.ts';

/** `Method.checkData` of what learns classes. @throws UserError where the data have another number of them. */
export function checkClassCount({ classes }: { readonly classes: number }, data: DataShape): void {
  if (data.classes !== classes)
    throw new UserError(
      `method.classes: found ${classes}, expected the ${data.classes} classes of data.train`,
    );
}
