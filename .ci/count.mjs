// Sums the results of .ci/run: DIR with vitest*.json and parity-*.jsonl, and how many steps failed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, steps] = process.argv.slice(2);
const counts = { passed: 0, failed: 0 };
const named = (start) => readdirSync(folder).filter((file) => file.startsWith(start));
for (const name of named('vitest')) {
  const vitest = join(folder, name);
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(vitest, 'utf8'));
  counts.passed += numPassedTests;
  counts.failed += numFailedTests;
  // A file that cannot be loaded has no tests to count.
  counts.failed += testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
}
for (const name of named('parity-')) {
  const lines = readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
  for (const result of lines.map((line) => JSON.parse(line))) {
    if (result.name === undefined) continue; // the sum
    counts[result.pass ? 'passed' : 'failed']++;
    if (!result.pass) console.log(`parity: ${result.name}: ${result.problem ?? 'out of bounds'}`);
  }
}
// A step can fail without a failed test: a type error, or a tool that did not start.
if (Number(steps) > 0 && counts.failed === 0) counts.failed = Number(steps);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
