import { tinyExperiment } from '../../golden/tiny.ts';
import { placeInEnvironment } from '../cluster/place_variable.ts';
import { joinCluster } from './cluster.ts';
import { exitNow } from './exit_now.ts';
import { onInterrupt } from './interrupt.ts';

// One process of a run: joins the others, says what came of it, and ends.
const say = (line: string) => void process.stdout.write(`${line}\n`);
const place = placeInEnvironment(process.env);
if (place === undefined) throw new Error('no place');
const { signal, code } = onInterrupt(() => {});
try {
  const cluster = await joinCluster(tinyExperiment({ replicas: 2 }), place, {
    threads: 1,
    signal,
    onFailure: ({ why }) => {
      say(`failure: ${why}`);
      setTimeout(() => exitNow(signal.aborted ? code() : 75), 100);
    },
  });
  say('connected');
  if (place.rank === 0) await cluster.group.end(0);
  exitNow(await cluster.group.ended);
} catch (error) {
  say(error === signal.reason ? 'told to stop' : String(error));
  setTimeout(() => exitNow(signal.aborted ? code() : 1), 100);
}
