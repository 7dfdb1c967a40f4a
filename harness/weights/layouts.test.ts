import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LAYOUTS } from './layouts.ts';

const page = readFileSync(new URL('../../docs/weights.md', import.meta.url), 'utf8');
const code = (prefix: string) => (prefix === '' ? 'no prefix' : `\`${prefix}\``);

test('the page on weights has every layout, in order, and no other', () => {
  const [, table = ''] = page.split('| layout | taken | beside it are |\n| --- | --- | --- |\n');
  const rows = table.slice(0, table.indexOf('\n\n')).split('\n');
  expect(rows).toEqual(
    LAYOUTS.map(
      ({ name, take, beside }) => `| ${name} | ${code(take)} | ${beside.map(code).join(', ')} |`,
    ),
  );
});
