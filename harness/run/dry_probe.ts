import { readFileSync, writeFileSync } from 'node:fs';
import { always, clock } from '../base/index.ts';
import type { StepDefinition } from '../step/definition.ts';
import { Learner, type LearnerOptions } from '../step/learner.ts';
import { runStep } from '../step/step.ts';
import { randomBatch } from './dry_batch.ts';
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
    const meeting = await meetingOf(smaller, probing, settings, fits);
    projected = scaled(smaller, small, definition, sequential, meeting);
    if (!fits(projected.peakBytes) || projected.seconds > LONGEST_STEP)
      return { full: undefined, small, projected };
  }
  return { full: await trial(definition), small, projected };
}

/** What replicas that run one after another cost more where they wait for each other on the way. */
export interface Meeting {
  /** Held of each further replica, an image: what is made again on the way back is there of all of them at once. */
  readonly bytes: number;
  /** Times as long. */
  readonly slower: number;
}

const APART: Meeting = { bytes: 0, slower: 1 };
const AGAIN = 4 / 3; // the way there once more, beside one there and one back of twice its time

/**
 * Replicas meet in norms over all of them and in losses over all images. Two of few images are run, unless they would not
 * fit: then each is taken to hold all that one alone held.
 */
async function meetingOf(
  one: Probe,
  { definition, sequential, seed, tell }: Probing,
  settings: LearnerOptions,
  fits: (bytes: number) => boolean,
): Promise<Meeting> {
  if (!sequential || definition.replicas === 1) return APART;
  const two = { ...definition, replicas: 2, batch: one.batch };
  const learner = new Learner(two, { ...settings, sequential });
  return always(
    async () => {
      if (learner.program.graph.repeats === 0) return APART;
      if (!fits(2 * one.peakBytes)) return { bytes: one.peakBytes / one.batch, slower: AGAIN };
      tell(`running steps of 2 replicas of ${one.batch} images, which meet`);
      const pair = await timed(learner, seed);
      const more = pair.peakBytes - one.peakBytes - besideOne(two, sequential);
      return {
        bytes: Math.max(0, more) / one.batch,
        slower: Math.max(1, pair.seconds / (2 * one.seconds)),
      };
    },
    () => learner.dispose(),
  );
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
 * replicas or, one after another, of one. Where there was one small step alone, all that it held is taken to grow. Replicas
 * that meet on the way take more of both.
 */
export function scaled(
  smaller: Probe,
  small: Probe,
  definition: StepDefinition,
  sequential: boolean,
  meeting = APART,
): Projected {
  const { replicas, batch } = definition;
  const held = sequential ? batch : replicas * batch;
  const growth =
    small === smaller
      ? small.peakBytes / small.batch
      : (small.peakBytes - smaller.peakBytes) / Math.max(1, small.batch - smaller.batch);
  return {
    seconds: (meeting.slower * small.seconds * replicas * batch) / small.batch,
    peakBytes:
      small.peakBytes +
      Math.max(0, growth) * (held - small.batch) +
      meeting.bytes * (replicas - 1) * batch +
      besideOne(definition, sequential),
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
