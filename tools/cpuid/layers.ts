/** A convolution of a ResNet as its step runs it. Sizes are pixels of a side, before it. */
export interface Layer {
  readonly name: string;
  readonly batch: number;
  readonly size: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
  readonly stride: number;
}

/** The convolutions of ResNet-50 at 224 pixels, each shape once. */
function resnet50(batch: number): Layer[] {
  const layers = [layer('stem', batch, 224, 3, 64, 7, 2)];
  let [size, inputs] = [56, 64];
  for (const [stage, width] of [64, 128, 256, 512].entries()) {
    const stride = stage === 0 ? 1 : 2;
    const at = `stage ${stage + 1}`;
    const after = size / stride;
    layers.push(
      layer(`${at} first`, batch, size, inputs, width, 1, 1),
      layer(`${at} middle, strided`, batch, size, width, width, 3, stride),
      layer(`${at} last`, batch, after, width, 4 * width, 1, 1),
      layer(`${at} shortcut`, batch, size, inputs, 4 * width, 1, stride),
      layer(`${at} first, later blocks`, batch, after, 4 * width, width, 1, 1),
      layer(`${at} middle`, batch, after, width, width, 3, 1),
    );
    [size, inputs] = [after, 4 * width];
  }
  return layers.filter(({ name }) => name !== 'stage 1 middle, strided'); // that is the middle one
}

/** The convolutions of ResNet-18 with the stem for small images, at 32 pixels, each shape once. */
function resnet18(batch: number, width1: number): Layer[] {
  const layers = [
    layer('stem', batch, 32, 3, width1, 3, 1),
    layer('stage 1', batch, 32, width1, width1, 3, 1),
  ];
  let [size, inputs] = [32, width1];
  for (const index of [2, 3, 4]) {
    const width = 2 * inputs;
    const at = `stage ${index}`;
    layers.push(
      layer(`${at} strided`, batch, size, inputs, width, 3, 2),
      layer(`${at} shortcut`, batch, size, inputs, width, 1, 2),
      layer(at, batch, size / 2, width, width, 3, 1),
    );
    [size, inputs] = [size / 2, width];
  }
  return layers;
}

function layer(
  name: string,
  batch: number,
  size: number,
  inputs: number,
  outputs: number,
  taps: number,
  stride: number,
): Layer {
  const what = `${taps}x${taps}${stride > 1 ? `/${stride}` : ''} ${inputs}-${outputs}`;
  return { name: `${name} ${what} @${size}`, batch, size, inputs, outputs, taps, stride };
}

export const LAYERS: readonly Layer[] = [...resnet50(8), ...resnet18(64, 64), ...resnet18(32, 16)];

/** Matrix products, [rows, inner, columns] as for one layer: queues, necks, heads, Gram matrices. */
export const PRODUCTS: readonly (readonly [number, number, number])[] = [
  [64, 128, 4096],
  [64, 512, 512],
  [64, 512, 128],
  [8, 2048, 2048],
  [8, 2048, 128],
  [256, 2048, 1000],
  [512, 512, 512],
  [2048, 512, 64],
];
