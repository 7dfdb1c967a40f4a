import { command } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Write the weights of a checkpoint under a name that ends in their hash.',
    arguments: [{ name: 'FILE', help: 'checkpoint, or work directory: its last whole epoch' }],
    options: {
      out: { kind: 'text', value: 'DIR', help: 'where to write (default: beside the checkpoint)' },
    },
    examples: ['work_dirs/moco', 'work_dirs/moco/epoch_10.safetensors --out weights'],
  },
  async ({ options, args: [source], print }) => {
    const { methods } = await load('methods/index.ts');
    const { publish } = await load('harness/publish/publish.ts');
    const published = await publish({ source, methods, out: options.out });
    const { path, sha256, bytes, tensors, epoch } = published;
    print(
      published,
      `Output file: ${path}\n${tensors} tensors of epoch ${epoch}, ${bytes} bytes, SHA-256 ${sha256}`,
    );
  },
);
