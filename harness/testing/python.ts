import { spawnSync } from 'node:child_process';

/**
 * A Python that has some packages: `REPRISE_TEST_PYTHON`, else `python3`. Undefined where there is none, which is said
 * on stderr so that a check that did not run is never taken for one that passed. Nothing but tests needs one.
 */
export function pythonWith(...packages: readonly string[]): string | undefined {
  const python = process.env.REPRISE_TEST_PYTHON ?? 'python3';
  const { status } = spawnSync(python, ['-c', `import ${packages.join(', ')}`]);
  if (status === 0) return python;
  process.stderr.write(
    `NOT CHECKED: ${python} has no ${packages.join(', ')}; set REPRISE_TEST_PYTHON to one that has\n`,
  );
  return undefined;
}
