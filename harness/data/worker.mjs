// A thread of the loader. A thread inherits no loader hooks, so what Node cannot read of TypeScript
// is registered here.
if (!process.features.typescript) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import('./worker.ts');
