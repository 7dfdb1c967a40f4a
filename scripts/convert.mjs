import { command, prefixOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Write weights in another format, bit by bit; the name of OUT says which.',
    arguments: [
      { name: 'FILE', help: 'any file of weights: safetensors, PyTorch, detectron2 (.pkl)' },
      { name: 'OUT', help: 'file to write: .safetensors, .pth, or .pkl for detectron2' },
    ],
    options: { prefix: prefixOption },
    examples: [
      'moco_v2_800ep.pth.tar moco.safetensors',
      'backbone.safetensors backbone.pth',
      'moco_v2_800ep.pth.tar moco.pkl',
      'work_dirs/detection/epoch_24.safetensors model_final.pth',
    ],
  },
  async ({ options, args: [file, out], print }) => {
    const { convertWeights } = await load('harness/publish/convert.ts');
    const found = await convertWeights({ file, out, prefix: options.prefix });
    for (const line of found.said) tell(line);
    print(found, `Output file: ${found.path}\n${found.tensors} tensors, SHA-256 ${found.sha256}`);
  },
);
