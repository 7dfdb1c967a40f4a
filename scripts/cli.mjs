import { load } from './load.mjs';

/** The command line; `tools/command` says how a script declares what it takes. */
export const { command } = await load('tools/command/command.ts');

/** What several commands take. */
export const {
  dataOption,
  experimentArgument,
  experimentOptions,
  prefixOption,
  reportOptions,
  runOptions,
  setOption,
} = await load('tools/command/shared_options.ts');

/** For long work: a line on stderr. */
export const tell = (message) => process.stderr.write(`${message}\n`);
