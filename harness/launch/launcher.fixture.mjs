/** A launcher of processes that do as they are told, for tests: `node launcher.fixture.mjs SETUP PLAN`, both JSON. */
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const { launch } = await import('./launch.ts');
const { prepareHere } = await import('./here.ts');
const { prepareSeat } = await import('./seat_try.ts');

const [setup, plan] = process.argv.slice(2).map((text) => JSON.parse(text));
const program = fileURLToPath(new URL('./rank.fixture.mjs', import.meta.url));
const command = [process.execPath, program, JSON.stringify(plan)];
const tell = (line) => process.stderr.write(`launcher: ${line}\n`);
try {
  process.exitCode = await launch({
    prepare: (number, stop) =>
      setup.place
        ? prepareSeat({ ...setup, command, environment: {}, tell }, number, stop)
        : prepareHere({ timeoutSeconds: 60, openPort: false, ...setup, command }),
    restarts: setup.restarts ?? 0,
    tell,
    patience: { graceSeconds: 1, lastSeconds: 1 },
  });
} catch (error) {
  tell(error.message);
  process.exitCode = 1;
}
