import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../../base/errors.ts';
import type { Place } from '../place.ts';
import { Hub } from './hub.ts';
import type { Member, Order, Tell, ThreadSetup } from './orders.ts';
import { troubleOf } from './ports.ts';
import { Reception } from './reception.ts';
import { Spoke } from './spoke.ts';
import { visit } from './visit.ts';

/** The thread that holds a process's connections to the others, so that they live while the process computes. */
export async function serve(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this is a thread');
  const tell: Tell = (report) =>
    port.postMessage(report, report.kind === 'parts' ? report.parts.map(bufferOf) : []);
  const { place } = workerData as ThreadSetup;
  const stopped = new AbortController();
  let member: Member | undefined;
  port.on('message', (order: Order) => {
    if (member !== undefined) member.order(order);
    else if (order.kind === 'fail') stopped.abort(order.message);
  });
  try {
    member = await joined(place, tell, stopped.signal);
    tell({ kind: 'joined' });
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    tell({ kind: 'refused', message: cause.message });
  }
}

async function joined(place: Place, tell: Tell, signal: AbortSignal): Promise<Member> {
  const trouble = await troubleOf(place);
  if (place.rank > 0) return new Spoke(place, await visit(place, trouble, signal), tell);
  const reception = await Reception.open(place, (message) => tell({ kind: 'notice', message }));
  return new Hub(place, await reception.all(trouble, signal), tell);
}

function bufferOf({ buffer }: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return buffer;
}
