import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { parse } from '../base/parse.ts';
import { addressIn } from './address.ts';
import type { Place } from './place.ts';

/** The environment variable in which a launcher tells a process its place, as JSON. */
export const PLACE_VARIABLE = 'REPRISE_PLACE';

const AddressText = z
  .string()
  .refine((text) => addressIn(text) !== undefined, 'expected host:port, e.g. node7:2222');

const PlaceSchema = z
  .strictObject({
    rank: z.int().nonnegative(),
    servers: z.array(AddressText).min(1).readonly(),
    meeting: AddressText,
    timeoutSeconds: z.number().positive(),
    secret: z.string().min(1),
  })
  .readonly()
  .refine(({ rank, servers }) => rank < servers.length, {
    path: ['rank'],
    message: 'expected a rank below the number of servers',
  })
  .refine(({ servers }) => new Set(servers).size === servers.length, {
    path: ['servers'],
    message: 'expected an address of its own for each process',
  })
  .refine(({ servers, meeting }) => !servers.includes(meeting), {
    path: ['meeting'],
    message: 'expected a port that is no server of TensorFlow',
  });

/**
 * The place that a launcher gave this process; undefined where there was none, in a run of one process.
 * @throws UserError which says what is wrong with it and never shows the secret
 */
export function placeInEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Place | undefined {
  const text = environment[PLACE_VARIABLE];
  if (text === undefined || text === '') return undefined;
  const what = `the environment variable ${PLACE_VARIABLE}`;
  return parse(PlaceSchema, jsonIn(text, what), what);
}

/** What a launcher adds to the environment of a process that it starts. */
export function environmentOf(place: Place): Record<typeof PLACE_VARIABLE, string> {
  return { [PLACE_VARIABLE]: JSON.stringify(place) };
}

// The text is not repeated, nor is the parser's message, which quotes it: it may hold the secret.
function jsonIn(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new UserError(
      `${what} holds no JSON; it is set by the launcher alone: unset it, or start the process as docs/distributed.md says`,
    );
  }
}
