import { command, prefixOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Write the backbone of a weight file or checkpoint alone, without prefix in its names.',
    arguments: [
      {
        name: 'FILE',
        help: 'published weights, a checkpoint, other safetensors, or a PyTorch file',
      },
      { name: 'OUT', help: 'file to write (default: STEM_backbone-HASH8)', optional: true },
    ],
    options: { prefix: prefixOption },
    examples: [
      'work_dirs/moco/moco-1f3a56c0.safetensors',
      'other.safetensors backbone.safetensors --prefix module.encoder_q.',
    ],
  },
  async ({ options, args: [file, out], print }) => {
    const { methods } = await load('methods/index.ts');
    const { extractBackbone } = await load('harness/publish/extract_backbone.ts');
    const found = await extractBackbone({ file, methods, out, prefix: options.prefix });
    const { path, tensors, expected, prefix, sha256, said } = found;
    for (const line of said) tell(line);
    const count = expected === undefined ? tensors : `${tensors} of ${expected}`;
    print(found, `Output file: ${path}\n${count} tensors under "${prefix}", SHA-256 ${sha256}`);
  },
);
