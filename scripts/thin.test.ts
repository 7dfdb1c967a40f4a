import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const names = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.mjs'));

// No compiler sees them: what is more than parse, call and print belongs into tools/.
test.each(names)('%s is short', (name) => {
  const lines = readFileSync(new URL(name, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines.length).toBeLessThanOrEqual(60);
});
