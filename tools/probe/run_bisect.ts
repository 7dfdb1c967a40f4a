import { UserError } from '../../harness/base/index.ts';
import { allMethods as methods } from '../command/subject.ts';
import { againstStep, saveStep } from './bisect.ts';
import { bisectionText } from './bisect_text.ts';
import { probedExperiment } from './subject.ts';

export interface BisectOptions {
  /** An experiment by name, or a work directory. */
  readonly bisect: string;
  readonly save?: string | undefined;
  readonly against?: string | undefined;
  readonly data: string;
  readonly set?: readonly string[];
  readonly threads?: number | undefined;
}

/** Saves the hashes of a step's ops, or compares them with a file. @throws UserError */
export async function bisect(options: BisectOptions) {
  const { bisect: name, save, against, data, threads } = options;
  if ((save === undefined) === (against === undefined))
    throw new UserError(
      '--bisect: say --save FILE on one machine, and then --against FILE on the other',
    );
  const experiment = await probedExperiment(name, options.set);
  const step = { experiment, methods, data, threads };
  if (save !== undefined) {
    const ops = await saveStep(step, save);
    return { result: { save, ops }, text: `${save}: hashes of ${ops} ops`, same: true };
  }
  const result = await againstStep(step, against ?? '');
  const same = result.differ + result.inputs.length + result.state.length === 0;
  return { result, text: bisectionText(result), same };
}
