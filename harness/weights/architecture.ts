import { UserError } from '../base/index.ts';
import { BLOCKS, type ResNetSpec, resnetSpec } from '../nn/resnet.ts';
import { blockCounts } from './encoders.ts';

/** Shapes of tensors by the backbone's own names, as files have them: convolutions [O, I, H, W]. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export interface Architecture {
  readonly spec: ResNetSpec;
  /** What the shapes leave open, and what was taken then, for people. */
  readonly assumed: readonly string[];
}

const PAPER = 64; // channels of the paper's stem
const EXPANSION = 4; // outputs of a bottleneck over its planes
const GROUPS = 32; // of group norms, Wu & He 2018, arXiv:1803.08494, section 4.1
const STEMS: Readonly<Record<number, ResNetSpec['stem']>> = { 7: 'imagenet', 3: 'cifar' };

/**
 * The ResNet that tensors are of: depth from the blocks of its stages, width and channels of the image from the
 * stem's shape, groups from the 3x3 convolutions, the norm from its name. Whether every other shape fits is for
 * the caller to compare.
 * @throws UserError naming the tensor that tells, where no ResNet known here has such shapes.
 */
export function architectureOf(file: string, shapes: Shapes): Architecture {
  const refuse = (what: string) =>
    new UserError(`${file}: ${what}; only ResNets, ResNeXts and wide ResNets can be built here`);
  const [outputs = 0, channels = 0, size = 0] = shapeOf(shapes, 'conv1.weight', refuse);
  const stem = STEMS[size];
  if (stem === undefined)
    throw refuse(`conv1.weight has filters of ${size}x${size} pixels, expected 7x7 or 3x3`);
  if (channels !== 3 && channels !== 2)
    throw refuse(
      `conv1.weight takes ${channels} channels, expected 3 (colours) or 2 (Sobel's edges)`,
    );
  const deep = shapes.has('layer1.0.conv3.weight');
  const depth = depthOf(blockCounts(shapes), deep);
  if (depth === undefined)
    throw refuse(
      `its stages have ${blockCounts(shapes).join(', ')} blocks ${deep ? 'of three convolutions' : 'of two'}, which is no ResNet known here`,
    );
  const group = shapes.has('gn1.weight');
  if (group && outputs % GROUPS !== 0)
    throw refuse(
      `gn1.weight is a group norm of ${outputs} channels, which ${GROUPS} groups do not divide`,
    );
  const parsed = resnetSpec.safeParse({
    ...{ depth, width: outputs / PAPER, stem, channels },
    ...(group ? { norm: 'group', normGroups: GROUPS } : {}),
    ...(deep ? groupsOf(shapes, refuse) : {}),
  });
  if (!parsed.success) throw refuse(`its shapes are of no network (${parsed.error.message})`);
  return { spec: parsed.data, assumed: [...openOf(stem, group)] };
}

function* openOf(stem: ResNetSpec['stem'], group: boolean): Generator<string> {
  if (stem === 'cifar') yield 'its stem of 3x3 filters is taken as of stride 1 and without a pool';
  if (group) yield `its group norms are taken as of ${GROUPS} groups`;
}

function depthOf(counts: readonly number[], deep: boolean): number | undefined {
  return Object.entries(BLOCKS)
    .map(([depth, blocks]) => ({ depth: Number(depth), blocks }))
    .find(({ depth, blocks }) => depth >= 50 === deep && String(blocks) === String(counts))?.depth;
}

/** Groups of a bottleneck's 3x3 convolutions, and what they have beyond the plain one's channels. */
function groupsOf(shapes: Shapes, refuse: (what: string) => UserError) {
  const [inner = 0, each = 0] = shapeOf(shapes, 'layer1.0.conv2.weight', refuse);
  const [outputs = 0] = shapeOf(shapes, 'layer1.0.conv3.weight', refuse);
  const planes = outputs / EXPANSION;
  if (inner === planes && each === inner) return {};
  const [groups, groupWidth] = [inner / each, groupWidthOf(planes, each, shapes)];
  if (!Number.isInteger(groups) || groupWidth === undefined)
    throw refuse(
      `layer1.0.conv2.weight [${shapes.get('layer1.0.conv2.weight')}] is no convolution in equal groups`,
    );
  return { groups, groupWidth };
}

// In a narrow network several whole numbers round to the first stage's channels; the last stage has eight times as many.
function groupWidthOf(planes: number, each: number, shapes: Shapes): number | undefined {
  const [, last = 0] = shapes.get('layer4.0.conv2.weight') ?? [];
  for (let width = Math.ceil((each * PAPER) / planes); width * planes < (each + 1) * PAPER; width++)
    if (Math.floor((8 * planes * width) / PAPER) === last) return width;
  return undefined;
}

function shapeOf(shapes: Shapes, name: string, refuse: (what: string) => UserError) {
  const shape = shapes.get(name);
  if (shape === undefined) throw refuse(`${name} is missing`);
  if (shape.length !== 4 || shape.includes(0))
    throw refuse(`${name} [${shape}] is no convolution, expected [outputs, inputs, rows, columns]`);
  return shape;
}
