/** A mistake that the user can mend: scripts print its message alone, without a stack. */
export class UserError extends Error {
  override name = 'UserError';
}
