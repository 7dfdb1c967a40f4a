/**
 * The map of the house. Each room of `harness/` may import from the rooms before it in this list and
 * from itself, never from one after it; `npm run lint` holds the code to that. The README's layout
 * has the same rooms in the same words.
 */
const ROOMS = [
  'base', // errors, canonical JSON, hashes, files and locks, parsing
  'random', // seeded streams of numbers, elementary functions that round alike everywhere
  'engine', // from TypeScript to one TensorFlow graph, and its session
  'cluster', // replicas, and the sums and gathers between them
  'nn', // layers, ResNet, necks, heads, memory banks
  'optim', // SGD, LARS, Adam, schedules
  'clustering', // k-means, PCA, memories of samples
  'metrics', // average precision and its kin, of scores and of boxes
  'svm', // linear support vector machines, many at a time
  'data', // sources, images, views, the loader
  'weights', // files of weights: safetensors, checkpoints, published names
  'experiment', // schema, overrides, registry, what a method defines, checks
  'step', // the traced training step, features, the learner, initial weights
  'log', // log lines, TensorBoard events, progress, CSV
  'record', // the record of a run, its history, where it comes from
  'evaluation', // features of frozen networks, and k-NN, probes and classifiers on them
  'features', // features of every layer, kept in files
  'pictures', // charts, maps and contact sheets of what was judged
  'run', // one training: epochs, the trainer, the work directory
  'verify', // goldens and their bands, verify, compare, bless
  'benchmark', // what a protocol defines, and the runner that makes a record of it
  'publish', // weights with their hash in the name, backbones
  'launch', // starting the processes of a run, watching and ending them
];

/** What stands on the harness, and what each of these may import besides it. */
const ABOVE = {
  methods: [],
  benchmarks: ['methods'],
  reports: ['methods', 'benchmarks'],
  tools: ['methods', 'benchmarks', 'reports', 'golden'],
};

const SOURCES = '\\.(test|child|fixture|processes)\\.';
const inRoom = (names) => `^harness/(${names.join('|')})/`;

const upwards = ROOMS.slice(0, -1).map((room, i) => ({
  name: `${room}-imports-a-room-above-it`,
  comment: `harness/${room} may import only from: ${ROOMS.slice(0, i + 1).join(', ')}`,
  severity: 'error',
  from: { path: inRoom([room]), pathNot: SOURCES },
  to: { path: inRoom(ROOMS.slice(i + 1)) },
}));

const outside = Object.entries({ harness: [], ...ABOVE }).map(([folder, also]) => ({
  name: `${folder}-imports-what-stands-on-it`,
  comment: `${folder}/ may import only from: ${['harness', ...also].join(', ')}`,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: SOURCES },
  to: {
    path: '^(methods|benchmarks|reports|tools|golden|scripts)/',
    pathNot: `^(${[folder, ...also].join('|')})/`,
  },
}));

export default {
  forbidden: [
    ...upwards,
    ...outside,
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one idea, or a third is missing.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'a-file-outside-every-room',
      comment: `A file of harness/ lies in one of its rooms: ${ROOMS.join(', ')}; or in testing`,
      severity: 'error',
      from: { path: '^harness/', pathNot: inRoom([...ROOMS, 'testing']) },
      to: {},
    },
    {
      name: 'product-imports-tests',
      comment: 'What helps tests is for tests, goldens and tools alone.',
      severity: 'error',
      from: {
        path: '^(harness|methods|benchmarks|reports)/',
        pathNot: `${SOURCES}|^harness/testing/`,
      },
      to: { path: '^harness/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|work_dirs)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
