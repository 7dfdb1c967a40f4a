import { startEngine } from '../engine/index.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { numericsLine } from '../record/numerics.ts';
import { computedHere } from '../record/provenance.ts';

// In a process of its own: the tests' own are to load TensorFlow as they need it.
await startEngine();
process.stderr.write(`${numericsLine(await computedHere())} (fingerprint ${fingerprint().id})\n`);
