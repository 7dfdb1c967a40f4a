/**
 * Spellings of the first format of experiments. They are read for ever, from files, checkpoints and
 * records, and written nowhere.
 */
const FORMER_METHODS: ReadonlyMap<unknown, string> = new Map([['relativeLoc', 'relative_loc']]);

type Fields = Readonly<Record<string, unknown>>;

/** Necks that were named after the method that used them, and are now described by their layers. */
const FORMER_NECKS: Readonly<Record<string, (neck: Fields) => Fields>> = {
  simclr: ({
    hidden = 2048,
    out = 128,
    layers = 2,
    bias = false,
    lastNorm = true,
    norm = 'sync',
  }) => ({
    hidden: Array.from({ length: Number(layers) - 1 }, () => hidden),
    out,
    bias,
    norm,
    normMomentum: 0.1,
    affine: true,
    lastNorm,
    lastRelu: false,
    dropout: 0,
  }),
  odc: ({ hidden = 512, out = 256, norm = 'batch', normMomentum = 0.001, dropout = 0.5 }) => ({
    hidden: [hidden],
    out,
    bias: true,
    norm,
    normMomentum,
    affine: false,
    lastNorm: false,
    lastRelu: true,
    dropout,
  }),
  relativeLoc: ({ out = 4096, norm = 'batch', normMomentum = 0.003, dropout = 0.5 }) => ({
    hidden: [],
    out,
    bias: true,
    norm,
    normMomentum,
    affine: true,
    lastNorm: true,
    lastRelu: true,
    dropout,
  }),
};

/**
 * An experiment in today's spelling, whether its defaults are spelled out or not; what is spelled as
 * today comes back equal. What is no experiment is left for the schema to refuse.
 */
export function respelled(experiment: unknown): unknown {
  if (!isFields(experiment) || !isFields(experiment.method)) return experiment;
  const { kind, ...fields } = experiment.method;
  const method = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, respelledNeck(value)]),
  );
  return { ...experiment, method: { kind: FORMER_METHODS.get(kind) ?? kind, ...method } };
}

function respelledNeck(value: unknown): unknown {
  if (!isFields(value) || typeof value.kind !== 'string') return value;
  const respell = Object.hasOwn(FORMER_NECKS, value.kind) ? FORMER_NECKS[value.kind] : undefined;
  // A list of widths is of today: a mixture of both is no spelling at all, and refused as such.
  if (respell === undefined || Array.isArray(value.hidden)) return value;
  return { kind: 'layers', ...respell(value) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
