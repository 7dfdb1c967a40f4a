// A process of its own cannot begin with TypeScript; scripts stand above this folder.
const { load } = await import(new URL('../../scripts/load.mjs', import.meta.url).href);
await load('tools/fuzz/fuzz.child.ts');
