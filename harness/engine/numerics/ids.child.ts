import { sha256 } from '../../base/hash.ts';
import { freePorts } from '../../launch/ports.ts';
import { fillNormal, stream } from '../../random/stream.ts';
import { differentiate, floats } from '../../testing/evaluate.ts';
import { bytesOf } from '../array.ts';
import { startEngine } from '../index.ts';
import { useLanes } from '../lanes.ts';
import { batchNormTrain } from '../ops/normalization.ts';
import { startServer } from '../server.ts';
import type { Tensor } from '../tf.ts';
import { bf16Here } from './bf16.ts';
import { idsOf, type NumericsIds, numericsIds } from './ids.ts';
import { type ProbeOptions, probe } from './probe.ts';

/** What a process of the tests does; one JSON argument. */
export interface Task {
  readonly lanes?: number;
  readonly options?: ProbeOptions;
  /** Keeps the environment that the process was given, which is fixed before libtensorflow loads otherwise. */
  readonly unfixed?: boolean;
  /** How often to probe; 1 unless given. */
  readonly times?: number;
  /** Takes `numericsIds` with this folder of caches. */
  readonly cache?: string;
  /** Computes something afterwards. */
  readonly more?: boolean;
  /** Starts TensorFlow's server of the process first. */
  readonly server?: boolean;
}

/** A batch norm and its gradients, whose bits follow pools and lanes. */
async function computed(): Promise<string> {
  const shape = [8, 32, 32, 16];
  const draws = stream(3, 'after');
  const values = () => floats(shape, fillNormal(draws, new Float32Array(8 * 32 * 32 * 16), 1));
  const channels = floats([16], new Array(16).fill(1));
  const found = await differentiate(
    {
      variables: { x: values(), scale: channels, offset: channels },
      constants: { mean: channels, variance: channels },
      apply: ({ x, scale, offset, ...state }) =>
        batchNormTrain(x as Tensor, scale as Tensor, offset as Tensor, state as never, {
          ...{ epsilon: 1e-5, momentum: 0.1 },
        }).value,
    },
    values(),
  );
  return sha256(Object.values(found).map(({ data }) => bytesOf(data)));
}

/** Their ids, one for each time, and what was computed afterwards. */
export interface Found {
  readonly found: readonly NumericsIds[];
  readonly computed?: string;
}

async function run(task: Task): Promise<Found> {
  const { lanes, options, unfixed, times = 1, cache, more, server } = task;
  // What is then fixed is a copy; the environment that libraries read stays as it is.
  if (unfixed) process.env = { ...process.env };
  await startEngine();
  if (lanes !== undefined) useLanes(lanes);
  const [port] = server ? await freePorts(1) : [];
  if (port !== undefined) startServer({ servers: [`127.0.0.1:${port}`], rank: 0 });
  if (cache !== undefined) process.env.XDG_CACHE_HOME = cache;
  const found: NumericsIds[] = [];
  for (let i = 0; i < times; i++)
    found.push(
      cache === undefined ? idsOf(await probe(options), bf16Here()) : await numericsIds(options),
    );
  return { found, ...(more ? { computed: await computed() } : {}) };
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '')))}\n`);
