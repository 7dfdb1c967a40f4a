import { load } from '../../scripts/load.mjs';

// A process of its own cannot begin with TypeScript.
await load('tools/fuzz/fuzz.child.ts');
