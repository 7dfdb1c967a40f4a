import { parseExperiment } from '../harness/experiment/spec.ts';
import { verdictText } from '../harness/verify/golden_verdict.ts';
import { methods } from '../methods/index.ts';
import { drawn, goldenVerdict } from './drawn.ts';

// In a process of its own: numerics are fixed when libtensorflow loads. Arguments: name, work directory, epochs.
const [name, workDir = '', epochs = ''] = process.argv.slice(2);
const native = drawn.find((one) => one.name === name);
if (native === undefined) throw new Error(`portable: no experiment ${name} on drawn images`);
const experiment = parseExperiment({ ...native, numerics: 'portable' }, methods);
const stopAfterEpoch = epochs === '' ? undefined : Number(epochs);
const verdict = await goldenVerdict(experiment, { workDir, stopAfterEpoch });
const { kind, pass, rows } = verdict;
process.stdout.write(
  JSON.stringify({ kind, pass, values: rows.length, text: verdictText(verdict) }),
);
