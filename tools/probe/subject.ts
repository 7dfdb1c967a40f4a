import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Experiment, parseExperiment } from '../../harness/experiment/index.ts';
import { readRecord } from '../../harness/record/record.ts';
import { experimentFrom } from '../command/experiment.ts';
import { allMethods, refuseRerun } from '../command/subject.ts';

/** The experiment of a work directory, or that of a name. @throws UserError */
export async function probedExperiment(
  name: string,
  set: readonly string[] = [],
): Promise<Experiment> {
  if (!existsSync(join(name, 'record.json')))
    return (await experimentFrom(name, { set: [...set] })).experiment;
  refuseRerun([name]);
  return parseExperiment(readRecord(name).experiment, allMethods);
}
