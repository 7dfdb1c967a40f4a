import { register } from 'tsx/esm/api';

// A process of its own cannot begin with TypeScript.
register();
await import('./fuzz.child.ts');
