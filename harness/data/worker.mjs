// A thread of the loader. TypeScript is registered here, as a thread inherits no loader hooks.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
