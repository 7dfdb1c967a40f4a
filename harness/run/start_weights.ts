import { sha256File, UserError } from '../base/index.ts';
import type { Experiment } from '../experiment/index.ts';
import { checkPrefix } from '../step/initial_weights.ts';

interface Given {
  readonly experiment: Experiment;
  readonly pretrained?: string | undefined;
  readonly prefix?: string | undefined;
}

/**
 * Whether the weights that are given are those that the experiment says it starts from.
 * @throws UserError where they are not
 */
export function checkStart({ experiment: { name, start }, pretrained, prefix }: Given): void {
  if (start === undefined || pretrained === undefined) return;
  const found = sha256File(pretrained);
  if (found !== start.sha256)
    throw new UserError(
      `--pretrained ${pretrained} has SHA-256 ${found}, but ${name} starts from ${start.sha256} ` +
        '(start.sha256); name that file',
    );
  checkPrefix(prefix, start.prefix);
}

/** @throws UserError where a run that starts from weights begins without any */
export function needStart({ experiment: { name, start }, pretrained }: Given): void {
  if (start !== undefined && pretrained === undefined)
    throw new UserError(
      `${name} starts from weights of SHA-256 ${start.sha256} (start.sha256); name them with --pretrained`,
    );
}
