import { readFileSync, writeFileSync } from 'node:fs';
import { always, clock } from '../base/index.ts';
import { image } from '../data/images/image.ts';
import { type Batch, ofReplica } from '../data/loader/batch.ts';
import { stream } from '../random/stream.ts';
import type { StepDefinition } from '../step/definition.ts';
import { Learner } from '../step/learner.ts';
import { runStep } from '../step/step.ts';
import { besideOne } from './dry_layout.ts';

/** A step that was run: how long it took, and the most memory the process held. */
export interface Probe {
  readonly replicas: number;
  readonly batch: number;
  /** Of the replicas of one process. */
  readonly seconds: number;
  /** Steps that the time is the median of. */
  readonly steps: number;
  /** Peak resident memory of the whole process. */
  readonly peakBytes: number;
}

const SMALL_BATCH = 8;
const PROBE_SECONDS = 8; // of timed steps
const PROBE_STEPS = 5;
const LONGEST_STEP = 15; // seconds; a longer one is scaled up instead of run
const SHARE_OF_MEMORY = 0.7; // of what is available, for a step to be tried

/** Of a step that was not run. */
export interface Projected {
  readonly seconds: number;
  readonly peakBytes: number;
}

/** What was measured: the whole where it is not too large, and a part of it from which the whole follows. */
export interface Probes {
  readonly full: Probe | undefined;
  readonly small: Probe | undefined;
  readonly projected: Projected | undefined;
}

export interface Probing {
  readonly definition: StepDefinition;
  /** Of the definition as it is, where there is one. */
  readonly learner: Learner | undefined;
  readonly threads: number;
  readonly seed: number;
  readonly sequential: boolean;
  readonly tell: (message: string) => void;
}

/** Runs steps of a few images of one replica, then of all that a process has where that would fit and not take long. */
export async function measure(probing: Probing): Promise<Probes> {
  const { definition, threads, seed, sequential, tell } = probing;
  const { replicas, batch } = definition;
  const settings = { intraThreads: threads, interThreads: threads };
  const trial = async (tried: StepDefinition): Promise<Probe> => {
    tell(`running steps of ${tried.replicas * tried.batch} images`);
    const { learner } = probing;
    if (tried === definition && learner !== undefined) return timed(learner, seed);
    const own = new Learner(tried, { ...settings, sequential });
    return always(
      () => timed(own, seed),
      () => own.dispose(),
    );
  };
  let small: Probe | undefined;
  let projected: Projected | undefined;
  if (replicas * batch > SMALL_BATCH) {
    const probe = (images: number) => trial({ ...definition, replicas: 1, batch: images });
    const most = Math.min(batch, SMALL_BATCH);
    const smaller = await probe(Math.ceil(most / 2));
    const fits = (bytes: number) => bytes < SHARE_OF_MEMORY * process.availableMemory();
    // Pictures of a detector may be so large that not even two fit.
    small = fits((smaller.peakBytes * most) / smaller.batch) ? await probe(most) : smaller;
    projected = scaled(smaller, small, definition, sequential);
    if (!fits(projected.peakBytes) || projected.seconds > LONGEST_STEP)
      return { full: undefined, small, projected };
  }
  return { full: await trial(definition), small, projected };
}

/** Runs steps after one that warms up. */
async function timed(learner: Learner, seed: number): Promise<Probe> {
  const { definition, program } = learner;
  await learner.initialise(seed);
  const batch = randomBatch(definition, seed);
  const numbers = { rate: 0, scalars: definition.method.scalars({ step: 0, steps: 1 }) };
  resetPeak();
  await runStep(program, batch, numbers);
  const times: number[] = [];
  const end = clock.seconds() + PROBE_SECONDS;
  while (times.length < PROBE_STEPS && (times.length === 0 || clock.seconds() < end)) {
    const before = clock.seconds();
    await runStep(program, batch, numbers);
    times.push(clock.seconds() - before);
  }
  const sorted = times.sort((a, b) => a - b);
  const seconds = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const { replicas, batch: images } = definition;
  return { replicas, batch: images, seconds, steps: times.length, peakBytes: peakBytes() };
}

/**
 * Time grows with the images of a step; memory by as much an image as between two small steps, with the images of all
 * replicas or, one after another, of one. Where there was one small step alone, all that it held is taken to grow.
 */
export function scaled(
  smaller: Probe,
  small: Probe,
  definition: StepDefinition,
  sequential: boolean,
): Projected {
  const { replicas, batch } = definition;
  const held = sequential ? batch : replicas * batch;
  const growth =
    small === smaller
      ? small.peakBytes / small.batch
      : (small.peakBytes - smaller.peakBytes) / Math.max(1, small.batch - smaller.batch);
  return {
    seconds: (small.seconds * replicas * batch) / small.batch,
    peakBytes:
      small.peakBytes +
      Math.max(0, growth) * (held - small.batch) +
      besideOne(definition, sequential),
  };
}

function randomBatch(definition: StepDefinition, seed: number): Batch {
  const { method, replicas, batch, size, channels } = definition;
  const count = replicas * batch;
  const draws = stream(seed, 'dry run');
  const noise = Uint8Array.from({ length: 4096 }, () => draws.int(0, 255));
  const pixels = Uint8Array.from({ length: count * size * size * channels }, (_, i) => {
    return noise[(i * 31 + (i >> 12)) % noise.length] ?? 0;
  });
  return {
    ...fedOf(definition, pixels, count),
    ...objectsFed(definition, seed),
    indices: Int32Array.from({ length: count }, (_, i) => i),
    draws: Object.fromEntries(method.draws.map((name) => [name, draws.permutation(count)])),
    ...(method.labels ? { labels: new Int32Array(count) } : {}),
    ...(method.chance ? { chance: Int32Array.of(1, 2) } : {}),
  };
}

/** Views, or rows of features in their place. */
function fedOf(
  { method, model: { cached } }: StepDefinition,
  pixels: Uint8Array,
  count: number,
): Pick<Batch, 'views' | 'rows'> {
  if (cached === undefined) return { views: Array.from({ length: method.views }, () => pixels) };
  return { views: [], rows: new Float32Array(count * cached.width).fill(1) };
}

/** Of an outline with many, as data have them. */
const CORNERS = 256;

/** Pictures of noise with an object each, as large as they may be, where steps take those. */
function objectsFed(definition: StepDefinition, seed: number): Pick<Batch, 'inputs' | 'sizes'> {
  const { method, objects, normalise, batch, size, replicas } = definition;
  if (objects === undefined || method.objects === undefined || normalise === undefined) return {};
  const draws = stream(seed, 'dry run of objects');
  const noise = image(
    size,
    size,
    Uint8Array.from({ length: 3 * size * size }, () => draws.int(0, 255)),
  );
  const change = { width: size, height: size, toWidth: size, toHeight: size, flip: false };
  const half = size / 2;
  const box = [0, 0, half, half] as const;
  const at = (corner: number) => [(half * corner) / CORNERS, corner % 2 === 0 ? 0 : half];
  const outline = Float64Array.from(Array.from({ length: CORNERS }, (_, k) => at(k)).flat());
  const pictures = Array.from({ length: batch }, (_, place) => {
    const targets = [{ class: 0, box, polygons: [outline] }];
    return { index: 0, place, picture: noise, change, targets };
  });
  const setup = { seed, batch, size, ...objects, ...normalise };
  const fed = method.objects.feed(setup, pictures);
  const all = Array.from({ length: replicas }, (_, replica) => ofReplica(replica, fed));
  return {
    inputs: Object.assign({}, ...all.map(({ inputs }) => inputs)),
    sizes: Object.assign({}, ...all.map(({ sizes }) => sizes)),
  };
}

// Linux keeps the most memory a process ever held, and forgets it when asked to.
function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    return; // not allowed here: then the peak counts from the start of the process
  }
}

function peakBytes(): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024;
}
