// The thread of the processes' connections. What Node cannot read of TypeScript is required, as in the loader's threads.
const tsx = process.features.typescript ? undefined : await import('tsx/cjs/api');
const load = (url) => (tsx ? tsx.require(url, import.meta.url) : import(url));
const { serve } = await load('./thread.ts');
await serve();
