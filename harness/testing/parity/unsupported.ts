import { UserError } from '../../base/errors.ts';

/** What the reference has and the harness has not, said in the same words wherever a case asks for it. */
export function unsupported(name: string, because: string): UserError {
  return new UserError(`unsupported: ${name}, because ${because}`);
}

/**
 * An object without the options that are known.
 * @throws UserError for the first other one whose value is not one that changes nothing: null or false.
 */
export function onlyKnown(where: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given))
    if (!known.includes(name) && value !== null && value !== false)
      throw unsupported(`${where}.${name}`, `what is known there is ${known.join(', ')}`);
}
