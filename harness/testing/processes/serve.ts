import { connectServers } from '../../engine/exchange.ts';
import { startEngine } from '../../engine/index.ts';
import { type Server, startServer } from '../../engine/server.ts';
import { type Answer, PLACE, type TestPlace } from './processes.ts';

/**
 * Runs in a process that `TestProcesses` started: works on each task that comes, with this process's server where
 * there are several processes.
 */
export async function serve<Task, Result>(
  work: (task: Task, place: TestPlace, server: Server | undefined) => Promise<Result>,
): Promise<void> {
  const place = JSON.parse(process.env[PLACE] ?? '') as TestPlace;
  await startEngine();
  const server = place.servers.length > 1 ? startServer(place) : undefined;
  if (server !== undefined && place.connect) await connectServers(server);
  process.on('disconnect', () => process.exit());
  process.on('message', (task) => {
    work(task as Task, place, server).then(
      (result) => send({ result }),
      (error) => send({ error: String(error?.stack ?? error) }),
    );
  });
}

function send(answer: Answer<unknown>): void {
  process.send?.(answer);
}
