// A thread of the loader. A thread inherits no loader hooks, and hooks for `import` would run in a
// thread of their own: what Node cannot read of TypeScript is required instead (12 MiB, not 26).
const tsx = process.features.typescript ? undefined : await import('tsx/cjs/api');
const load = (url) => (tsx ? tsx.require(url, import.meta.url) : import(url));
const { listen } = await load('./worker.ts');
await listen(load);
