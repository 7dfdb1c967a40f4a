import { UserError } from '../base/index.ts';
import { type ImageCheck, imageCheck } from '../data/checks/check_images.ts';
import type { Source } from '../data/source.ts';
import type { RunLog } from '../log/log.ts';
import { nameOf } from './repairs.ts';
import { goOn } from './unread.ts';

/** Files that are decoded before the first step; that takes some seconds. */
const FEW = 2048;
const SHOWN = 20;

export interface WatchSetup {
  /** By use: `train`, `evaluation.train`, … */
  readonly sources: Readonly<Record<string, Source>>;
  readonly log: Pick<RunLog, 'info' | 'warn'>;
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  /** Files that are decoded before the first step, if it is not the usual number. */
  readonly few?: number | undefined;
}

/** Looks for damaged images while a run goes on. */
export interface ImageWatch {
  /** Aborted when all images were decoded and some of them are damaged. */
  readonly signal: AbortSignal;
  /** @throws UserError that names them then. */
  refuse(): void;
  dispose(): Promise<void>;
}

/**
 * Decodes the images that nobody has decoded yet, each content once: a few before the first step, more
 * of them in the background, which ends the run when that has found some that are damaged.
 * @throws UserError that names the damaged among a few.
 */
export async function watchImages(setup: WatchSetup): Promise<ImageWatch> {
  const { sources, log, signal, few = FEW } = setup;
  const check = imageCheck(sources, { few });
  const ended = new AbortController();
  const refuse = () => {
    if (ended.signal.aborted) throw damagedText(check, setup, check.count > few);
  };
  if (check.count === 0) return { signal: ended.signal, refuse, dispose: () => Promise.resolve() };
  const stop = () => void check.dispose();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const background = check.count > few;
  const [have, each] = check.count === 1 ? [' has', ''] : ['s have', ' for each'];
  const where = background ? 'in the background' : 'before the first step';
  log.info(`${check.count} image${have} not been decoded yet: that is done ${where}, once${each}`);
  const checked = run(check, log, background).then((done) => {
    if (done && check.damaged.length > 0) ended.abort();
  });
  const dispose = async () => {
    signal?.removeEventListener('abort', stop);
    await check.dispose();
    await checked;
  };
  if (background) return { signal: ended.signal, refuse, dispose };
  await checked;
  await dispose();
  refuse();
  return { signal: ended.signal, refuse, dispose: () => Promise.resolve() };
}

/** @returns whether the check came to its end; it never fails. */
async function run(
  check: ImageCheck,
  log: WatchSetup['log'],
  background: boolean,
): Promise<boolean> {
  let count = 0;
  try {
    return await check.run(undefined, ({ use, message }) => {
      if (background && count++ < SHOWN) log.warn(`${nameOf(use)}: ${message}`);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(
      `images are not checked beyond this (${reason}): a damaged one is found when the run reads it`,
    );
    return false;
  }
}

function damagedText(
  { damaged }: ImageCheck,
  { folder }: WatchSetup,
  background: boolean,
): UserError {
  const lines = damaged.slice(0, SHOWN).map(({ use, message }) => `\n  ${nameOf(use)}: ${message}`);
  const more = damaged.length > SHOWN ? `\n  and ${damaged.length - SHOWN} more` : '';
  const count = damaged.length === 1 ? '1 image cannot' : `${damaged.length} images cannot`;
  return new UserError(
    `${count} be used:${lines.join('')}${more}\n` +
      `the run ends ${background ? 'here; what it has trained is saved' : 'before its next step'}. ` +
      goOn(folder),
  );
}
