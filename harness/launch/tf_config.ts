import { z } from 'zod';
import { parse, parseJson, UserError } from '../base/index.ts';
import { parseAddress } from '../cluster/address.ts';
import { type Seat, seatIn } from './seat.ts';

const Addresses = z.array(z.string());

/** What TensorFlow's convention has; what platforms add beside it is left alone. */
const TfConfig = z.looseObject({
  cluster: z.record(z.string(), Addresses).optional(),
  task: z
    .looseObject({ type: z.string(), index: z.union([z.int(), z.string().regex(/^\d+$/)]) })
    .optional(),
});

/** The first process, under the names it has had. */
const CHIEFS = ['chief', 'master'];
const WORKING = [...CHIEFS, 'worker'];

/**
 * The seat that `TF_CONFIG` gives: the chief has rank 0, workers follow by index. Undefined for one that names no other
 * process, as in a job of a single one.
 * @param text the variable's value
 * @throws UserError for parameter servers and evaluators, of which there are none here, and for what cannot be read
 */
export function seatOfTfConfig(text: string, port: number | undefined): Seat | undefined {
  const { cluster, task } = parse(TfConfig, jsonIn(text), 'TF_CONFIG');
  if (cluster === undefined) return undefined;
  const listed = Object.entries(cluster).filter(([, addresses]) => addresses.length > 0);
  const foreign = listed.map(([job]) => job).find((job) => !known(job));
  if (foreign !== undefined) throw unknownJob(foreign);
  const jobs = WORKING.map((job) => [job, cluster[job] ?? []] as const);
  const all = jobs.flatMap(([, addresses]) => addresses);
  if (all.length < 2 && (task === undefined || WORKING.includes(task.type))) return undefined;
  if (task === undefined)
    throw new UserError(
      'TF_CONFIG: has a cluster of several processes, but no task that says which this is',
    );
  if (!WORKING.includes(task.type)) throw unknownJob(task.type);
  const index = Number(task.index);
  const own = cluster[task.type]?.length ?? 0;
  if (index >= own)
    throw new UserError(
      `TF_CONFIG: task ${task.type} ${index}, but the cluster names ${own} of them`,
    );
  const before = jobs.slice(0, WORKING.indexOf(task.type)).flatMap(([, addresses]) => addresses);
  const servers = all.map((one) => parseAddress(one, 'TF_CONFIG'));
  return seatIn('TF_CONFIG', servers, before.length + index, port);
}

function jsonIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `TF_CONFIG: is no JSON (${reason}); expected e.g. {"cluster":{"worker":["a:2222","b:2222"]},"task":{"type":"worker","index":0}}`,
    );
  }
}

// An evaluator beside the workers does not concern them; as a task of its own it is refused.
function known(job: string): boolean {
  return WORKING.includes(job) || job === 'evaluator';
}

function unknownJob(job: string): UserError {
  const why =
    job === 'ps' || job === 'evaluator'
      ? 'every process trains here, and the weights are judged by the run itself'
      : `expected ${WORKING.join(', ')}`;
  return new UserError(
    `TF_CONFIG: has tasks of the kind "${job}": ${why}; leave them out of the job`,
  );
}
