import { UserError } from '../base/errors.ts';
import { parse } from '../base/parse.ts';
import { type SourceSpec, sourceSpec } from './spec.ts';

/**
 * A source as it is written on a command line.
 * @throws UserError where it is no JSON, or no source.
 */
export function parseSource(text: string): SourceSpec {
  return parse(sourceSpec, json(text), 'source');
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const example = '{"kind":"folder","root":"mine"}';
    throw new UserError(`source ${text} is no JSON, expected e.g. '${example}'`, { cause });
  }
}
