import { load } from './load.mjs';

/**
 * What grows with the data set, as the recipes have it for ImageNet and for CIFAR-10: images (rows of
 * memory banks), clusters and the smallest that ODC keeps, NPID's negatives, width of Barlow Twins'
 * projector.
 */
const IMAGENET = { samples: 1281167, clusters: 10000, least: 20, negatives: 65536, width: 8192 };
const CIFAR10 = { samples: 50000, clusters: 100, least: 16, negatives: 4096, width: 1024 };

/** Images below this side are taken for CIFAR-10's. */
const LARGE = 64;

/** The data set that images of this size stand for. */
export function scaleOf(size) {
  return size < LARGE ? CIFAR10 : IMAGENET;
}

/** What a step depends on of the scale, by method. */
const USED = {
  npid: ['samples', 'negatives'],
  odc: ['samples', 'clusters', 'least'],
  deepcluster: ['samples', 'clusters'],
  barlow_twins: ['width'],
};

/** The numbers of the scale that a method's step depends on. */
export function scaleFor(kind, size) {
  const scale = scaleOf(size);
  return Object.fromEntries((USED[kind] ?? []).map((name) => [name, scale[name]]));
}

/** The method that a name means, `relative_loc` as well as `relativeLoc`. @throws UserError */
export async function kindOf(name) {
  const { methods } = await load('methods/index.ts');
  const { UserError } = await load('harness/base/errors.ts');
  const plain = (text) => text.toLowerCase().replaceAll('_', '');
  const kind = Object.keys(methods).find((known) => plain(known) === plain(name));
  if (kind !== undefined) return kind;
  const list = Object.keys(methods).join(', ');
  throw new UserError(`--method: found '${name}', expected one of ${list}`);
}

/** Methods as `torch_reference.py` and `tools/torch/perf_methods.py` have them. */
const SPECS = {
  moco: ({ hidden, queue }) => ({
    neck: { kind: 'mlp', hidden, out: 128 },
    queue,
    temperature: 0.2,
  }),
  simclr: ({ hidden }) => ({ neck: { kind: 'mlp', hidden, out: 128 } }),
  deepcluster: ({ clusters }) => ({ clusters }),
  npid: ({ negatives }) => ({ negatives }),
  odc: ({ clusters, least }) => ({ clusters, minCluster: least }),
  barlow_twins: ({ width }) => ({
    neck: { kind: 'layers', hidden: [width, width], out: width, lastNorm: false },
  }),
  supervised: () => ({ classes: CLASSES }),
};

/** Classes of the supervised step, whatever the size: those of ImageNet. */
export const CLASSES = 1000;

/** The `method` of an experiment; what is not named here is at the method's defaults. */
export function specOf(kind, { depth, size, queue }) {
  const hidden = depth < 50 ? 512 : 2048; // as wide as the backbone's features
  return { kind, ...SPECS[kind]?.({ ...scaleOf(size), hidden, queue }) };
}

/** Fills the memory of a method as in the middle of a run, where it begins empty. */
export async function fillMemory(host, { odc, deepcluster }) {
  const { hostArray } = await load('harness/engine/array.ts');
  const clusters = (odc ?? deepcluster)?.clusters;
  if (clusters === undefined) return;
  const spread = Int32Array.from({ length: host.samples }, (_, i) => i % clusters);
  const labels = (name) => [name, hostArray('int32', [host.samples], spread)];
  if (deepcluster) return host.write([labels('pseudo_label')]);
  const width = odc.neck.out;
  const from = host.stream('perf');
  const rows = Float32Array.from({ length: host.samples * width }, () => from.uniform());
  await host.write([
    labels('label_bank'),
    ['feature_bank', hostArray('float32', [host.samples, width], rows)],
  ]);
  await host.run('recentre');
  await host.run('census');
}
