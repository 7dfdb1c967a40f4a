import { UserError } from '../../base/errors.ts';

/** A sample that cannot be read, decoded or made into views; the message names it. */
export class ImageError extends UserError {}
