import { type Encoder, unnumbered } from './encoders.ts';
import { WRAPPERS } from './layouts.ts';

/** What a name that is no tensor of the backbone was sorted into. */
export interface LeftOver {
  /** Known, and of no use to a backbone: heads, queues, optimisers, other encoders. */
  readonly needless: readonly string[];
  /** Of nothing known here. */
  readonly unknown: readonly string[];
  /** Inside the backbone, and not of a network that can be built here: Squeeze-and-Excitation, a deep stem. */
  readonly strange: readonly string[];
}

/**
 * Parts of a name that pre-training needs beside its backbone, or training beside its network. A name with one of
 * them before or in place of a layer is known.
 */
const NEEDLESS = new RegExp(
  `^(?:${[
    ...['fc', 'fc\\d', 'head', 'heads', 'classifier', 'logits', 'last_linear', 'online_classifier'],
    ...[
      'projector',
      'projection',
      'projection_head',
      'proj',
      'predictor',
      'prediction_head',
      'neck',
    ],
    ...[
      'predictor_\\w+',
      'projector_\\w+',
      'projection_\\w+',
      'head_\\w+',
      'mlp',
      'mlp2',
      '\\w+_head',
      '\\w+_predictor',
      'projetion',
    ],
    ...['momentum_\\w+', 'target_\\w+', 'teacher\\w*', 'student\\w*', 'key_\\w+', 'query_\\w+'],
    ...[
      'prototypes',
      'prototypes\\d',
      'queue\\w*',
      '\\w*queue\\w*',
      'memory\\w*',
      'bank\\w*',
      '\\w+_bank',
    ],
    ...[
      'optimizer\\w*',
      'optim\\w*',
      'scheduler\\w*',
      'lr_scheduler\\w*',
      'lr_schedulers',
      'amp',
      'amp_\\w+',
    ],
    ...['scaler', 'loss\\w*', 'criterion', 'dino_loss', 'meters', 'phase_idx', 'hooks', 'loops'],
    ...['callbacks', 'epoch', 'iter', 'step', 'best\\w*', 'args', 'meta', 'buffer\\w*'],
    ...[
      'ema',
      'ema_\\w+',
      'center',
      'sobel\\w*',
      'normalize',
      'mean',
      'std',
      'bn',
      'data_preprocessor',
    ],
    ...['encoder_k', 'encoder_q', 'online_net', 'online_network', 'target_net', 'key_encoder'],
    ...['proposal_generator', 'roi_heads', 'iteration', 'trainer'],
    ...['value_transform', 'projector_k', 'classification\\w*', 'graph_sobel', 'whitener'],
  ].join('|')})$`,
);

/** What stands where a ResNet has its stem and stages, in the names of any program. */
const INSIDE = /^(?:layer\d+|conv\d|bn\d|gn\d|norm\d|stem|maxpool|downsample|res_layer\d+)(?:\.|$)/;
const COUNTER = /\.num_batches_tracked$/;

/**
 * Sorts the names of a file that a backbone does not use.
 * @param names of the file
 * @param used in the file's words
 */
export function leftOver(
  names: Iterable<string>,
  used: ReadonlySet<string>,
  taken: Encoder,
  others: readonly Encoder[],
): LeftOver {
  const there = new Set(names);
  const elsewhere = others.filter((one) => one.prefix !== taken.prefix);
  const [needless, unknown, strange]: [string[], string[], string[]] = [[], [], []];
  for (const name of there) {
    if (used.has(name)) continue;
    if (elsewhere.some(({ prefix, names: own }) => isIn(name, prefix, taken, own)))
      needless.push(name);
    else if (isInside(name, taken, there)) strange.push(name);
    else if (COUNTER.test(name) || isNeedless(name, taken.prefix)) needless.push(name);
    else unknown.push(name);
  }
  return { needless, unknown, strange };
}

function isIn(name: string, prefix: string, taken: Encoder, own: ReadonlyMap<string, string>) {
  if (prefix === '' || taken.prefix.startsWith(prefix)) return [...own.values()].includes(name);
  return name.startsWith(prefix);
}

function isInside(name: string, { prefix, names }: Encoder, there: ReadonlySet<string>): boolean {
  if (!name.startsWith(prefix)) return false;
  const own = name.slice(prefix.length);
  const numbered = names.get('conv1.weight') === `${prefix}0.weight`;
  return INSIDE.test(numbered ? unnumbered(own, prefix, there) : own);
}

function isNeedless(name: string, prefix: string): boolean {
  const own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  const parts = own.split('.').filter((part) => !WRAPPERS.has(part));
  return parts.some((part) => NEEDLESS.test(part));
}
