import { z } from 'zod';
import { UserError } from '../base/index.ts';
import { bindMethod, type Experiment, type Methods, parseExperiment } from '../experiment/index.ts';
import { stepDefinition } from './definition.ts';

/** What a file of weights says of itself. */
interface Described {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The experiment that a file of ours was made by; undefined for other systems' files.
 * @throws UserError for one that is no experiment of today.
 */
export function experimentIn(
  { metadata, file }: Described,
  methods: Methods,
): Experiment | undefined {
  const { format = '', experiment, meta } = metadata;
  const json = format.startsWith('reprise-checkpoint') ? meta : experiment;
  if (json === undefined || !format.startsWith('reprise-')) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    const inner = z.looseObject({ experiment: z.unknown() }).safeParse(value);
    return parseExperiment(json === meta ? inner.data?.experiment : value, methods);
  } catch (cause) {
    throw new UserError(
      `${file}: the experiment in it cannot be read: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

/** What stands before the backbone's names according to the file itself, and what in it says so. */
export function describedPrefix(
  { metadata }: Described,
  experiment: Experiment | undefined,
  methods: Methods,
): { readonly prefix: string; readonly by: string } | undefined {
  if (metadata.backbonePrefix !== undefined)
    return { prefix: metadata.backbonePrefix, by: "the file's own backbonePrefix" };
  if (metadata.format === 'reprise-backbone-1')
    return { prefix: '', by: "the file's own format, a backbone alone" };
  if (experiment === undefined) return undefined;
  const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
  return { prefix: model.backbone, by: 'the experiment in the file' };
}
