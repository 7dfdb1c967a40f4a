import { join } from 'node:path';
import { z } from 'zod';
import { always, lockFolder, makeFolders, parse, UserError } from '../../harness/base/index.ts';
import { labelOf, openTarget, randomWeights } from '../../harness/benchmark/weights.ts';
import { sourceSpec, viewSpec } from '../../harness/data/spec.ts';
import {
  isWide,
  NUMERICS,
  PORTABLE_IS_WIDE,
  useArithmetic,
} from '../../harness/engine/arithmetic.ts';
import { LANES } from '../../harness/engine/lanes.ts';
import { override } from '../../harness/experiment/index.ts';
import { openImages } from '../../harness/features/images.ts';
import { LAYERS, type LayerUse, parseFeatList } from '../../harness/features/layers.ts';
import { featurePaths } from '../../harness/features/manifest.ts';
import {
  type FeatureStore,
  openFeatureStore,
  type StoredSet,
} from '../../harness/features/store.ts';
import { type ResNetSpec, resnetSpec } from '../../harness/nn/resnet.ts';
import type { OptionsOf } from './option.ts';
import { dataOption, prefixOption } from './shared_options.ts';

/** Options of `scripts/extract.mjs`. */
export const extractOptions = {
  data: dataOption,
  work_dir: { kind: 'text', value: 'DIR', help: 'outputs (default: work_dirs/extract/WEIGHTS)' },
  layers: { kind: 'text', value: 'LIST', help: 'e.g. "feat4 feat5"', default: LAYERS.join(' ') },
  epoch: { kind: 'int', value: 'N', min: 0, help: 'of a work directory (default: the newest)' },
  prefix: prefixOption,
  set: { kind: 'list', value: 'KEY.PATH=VALUE', help: 'override a field; may be repeated' },
  workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
  threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute (default: all cores)' },
} as const;
type Options = OptionsOf<typeof extractOptions>;

const channels = z.tuple([z.number(), z.number(), z.number()]);

/** What is extracted; all defaults are those of VOC 2007, docs/reference/benchmarks.md, section 2.2. */
const ExtractSpec = z
  .strictObject({
    /** By the name that the files have. */
    sets: z
      .record(z.string().regex(/^[\w-][\w.-]*$/, 'expected letters, digits, - _ and .'), sourceSpec)
      .default({
        voc07_trainval: sourceSpec.parse({ kind: 'voc', split: 'trainval' }),
        voc07_test: sourceSpec.parse({ kind: 'voc', split: 'test' }),
      }),
    size: z.int().positive().default(224),
    pipeline: viewSpec.default(viewSpec.parse([{ kind: 'resize', size: 256 }, { kind: 'squash' }])),
    pooling: z.enum(['specified', 'adaptive', 'average']).default('specified'),
    batch: z.int().positive().default(32),
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
    mean: channels.default([0.485, 0.456, 0.406]),
    std: channels.default([0.229, 0.224, 0.225]),
    lanes: z.int().positive().max(64).default(LANES),
    /** `portable` for the same bits on every x86-64 CPU with AVX2. */
    numerics: z.enum(NUMERICS).optional(),
    /** Of random weights, and their network. */
    seed: z.int().default(0),
    backbone: resnetSpec.default(resnetSpec.parse({ depth: 50 })),
  })
  .refine(({ numerics, precision }) => isWide(numerics, precision), {
    message: PORTABLE_IS_WIDE,
    path: ['precision'],
  });

/** A file that was written or taken again. */
export interface ExtractedFile {
  readonly file: string;
  readonly shape: readonly [number, number];
  readonly sha256: string;
}

/**
 * Writes the features of all images of some sets, each layer under its own name, whatever else is asked
 * for: `WORK_DIR/features/SET_feat5.npy`.
 * @param from a file of weights, a work directory or its record, or `random`
 */
export async function extract(
  from: string,
  options: Options & { readonly signal: AbortSignal },
  tell: (line: string) => void,
): Promise<readonly ExtractedFile[]> {
  const weights = await weightsOf(from, options);
  const given = override(weights.known, options.set);
  const spec = parse(ExtractSpec, given, 'extract');
  const uses = parseFeatList(options.layers).map((layer) => ({ layer, pooling: spec.pooling }));
  const workDir = options.work_dir ?? join('work_dirs', 'extract', weights.label);
  useArithmetic(spec);
  for (const line of weights.said) tell(line);
  const sets = await openSets(spec, uses, options);
  makeFolders(workDir);
  const lock = await lockFolder(workDir);
  const work = async () => {
    const { batch, precision, mean, std, seed } = spec;
    const { backbone, tensors } = weights.network ?? {
      backbone: spec.backbone,
      tensors: randomWeights(spec.backbone, seed),
    };
    const store = await openFeatureStore({
      folder: join(workDir, 'features'),
      network: { backbone, sobel: backbone.channels === 2 },
      weights: tensors,
      settings: { batch, precision, normalise: { mean, std } },
      ...{ sets, tell, threads: options.threads, signal: options.signal },
    });
    return always(
      () => filesOf(store, join(workDir, 'features'), Object.keys(sets), uses),
      () => store.dispose(),
    );
  };
  return always(work, () => lock.release());
}

async function openSets(
  { sets, pipeline, size, batch }: z.output<typeof ExtractSpec>,
  uses: readonly LayerUse[],
  { data, workers, signal }: Pick<Options, 'data' | 'workers'> & { readonly signal: AbortSignal },
): Promise<Record<string, StoredSet>> {
  const open: [string, StoredSet][] = [];
  for (const [name, spec] of Object.entries(sets)) {
    const setup = { spec, data, pipeline, size, batch, signal };
    const own = workers === undefined ? setup : { ...setup, workers };
    open.push([name, { images: await openImages(own, `sets.${name}`), pipeline, size, uses }]);
  }
  return Object.fromEntries(open);
}

async function filesOf(
  store: FeatureStore,
  folder: string,
  sets: readonly string[],
  uses: readonly LayerUse[],
): Promise<readonly ExtractedFile[]> {
  const files: ExtractedFile[] = [];
  for (const name of sets)
    for (const use of uses) {
      const { count, width, sha256 } = await store.features(name, use.layer, use.pooling);
      files.push({ file: featurePaths(folder, name, use).array, shape: [count, width], sha256 });
    }
  return files;
}

interface Given {
  readonly label: string;
  readonly said: readonly string[];
  /** Fields of the spec that the weights decide. */
  readonly known: Readonly<Record<string, unknown>>;
  readonly network?: {
    readonly backbone: ResNetSpec;
    readonly tensors: Awaited<ReturnType<typeof openTarget>>['tensors'];
  };
}

async function weightsOf(from: string, { epoch, prefix, set }: Options): Promise<Given> {
  if (from === 'random') return { label: 'random', said: [], known: {} };
  const weights = await openTarget(from, { epoch, prefix });
  const own = set.find((one) => one.startsWith('backbone') || one.startsWith('seed='));
  if (own !== undefined)
    throw new UserError(`--set ${own}: the network is that of ${weights.file}; leave it out`);
  const { backbone, tensors, mean, std } = weights;
  return {
    label: labelOf(weights),
    said: weights.said,
    known: mean === undefined ? {} : { mean, std },
    network: { backbone, tensors },
  };
}
