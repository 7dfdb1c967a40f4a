import { fileURLToPath } from 'node:url';
import { findCases } from '../harness/testing/parity/run.ts';

/** All cases of `golden/cases/`: a file there that exports one is found. */
export const parityCases = await findCases(fileURLToPath(new URL('cases', import.meta.url)));
