import { describe, expect, it } from 'vitest';
import { anchors, brokenReferences, ELSEWHERE, filesBelow } from '../harness/testing/references.ts';

const files = filesBelow(new URL('..', import.meta.url).pathname);
const textOf = (path: string) => files.get(path) ?? expect.unreachable(`${path} is missing`);

describe('the repository', () => {
  it('has every page, section, heading and file that it names', () => {
    expect(brokenReferences(files)).toEqual([]);
  });

  it('cites its sheets', () => {
    const code = [...files].filter(([path]) => /\.(ts|py)$/.test(path)).map(([, text]) => text);
    const cited = code.join('\n').match(/docs\/reference\/\w+\.md, (section|")/g) ?? [];
    expect(cited.length).toBeGreaterThanOrEqual(44);
  });

  it('names each page of which the checker knows that it lies elsewhere', () => {
    const texts = [...files].filter(([path]) => !path.endsWith('testing/references.ts'));
    for (const name of Object.keys(ELSEWHERE)) {
      expect(
        texts.some(([, text]) => text.includes(name)),
        name,
      ).toBe(true);
    }
  });
});

/** Names of pages are put together here, so that the checker does not take them for references. */
const md = (name: string) => `${name}.md`;
const sheet = md('docs/reference/a');
const page = md('docs/b');

function brokenIn(path: string, text: string): readonly string[] {
  const house = new Map([
    [
      sheet,
      '# A\n\n## 1. One (of two)\n\n### 1.3 Heads\n\n```\n## 7 no heading\n```\n\n## 12. Last\n',
    ],
    [page, '# B\n\n## How it runs\n\n## How it runs\n'],
    [md('reports/made'), '# Made\n'],
    ['harness/nn/x.ts', ''],
    [path, text],
  ]);
  return brokenReferences(house).map((wrong) => wrong.replace(`${path}: `, ''));
}

describe('the checker of references, in code', () => {
  it.each([
    `/** As ${sheet}, section 1.3, has it; ${page} says why. */`,
    `/**\n * As the original (${sheet}, sections 1,\n * 1.3 and 12).\n */`,
    `# As ${sheet},\n# section 12. Then more.`,
    `// ${page}, "How it runs"`,
    `writeFile('${md('made')}'); const url = 'https://example.org/${md('nowhere')}';`,
    `\`\${folder}/${md('report')}\``,
  ])('takes %j', (text) => expect(brokenIn('harness/nn/a.ts', text)).toEqual([]));

  it.each([
    [`// ${md('docs/nope')} has it`, `${md('docs/nope')} is not in the repository`],
    [`// (${md('a')}, section 1)`, `${md('a')} is not in the repository`],
    [`// ${sheet}, section 2`, `${sheet} has no section 2`],
    [`// ${sheet}, section 7`, `${sheet} has no section 7`],
    [`/**\n * ${sheet}, sections 1\n * and 1.30.\n */`, `${sheet} has no section 1.30`],
    [`// ${page}, "How it walks"`, `${page} has no heading "How it walks"`],
    [`// (${sheet} 1.3)`, `${sheet} is followed by a bare number; write ", section 1.3"`],
  ])('refuses %j', (text, wrong) => expect(brokenIn('harness/nn/a.ts', text)).toEqual([wrong]));
});

describe('the checker of references, in pages', () => {
  it.each([
    `[b](${md('b')}#how-it-runs-1), [self](#title), [x](../harness/nn/x.ts), [nn](../harness)`,
    '`harness/nn/x.ts`, `harness/nn`, `harness/nn/*.ts`, harness/<room>/x.ts, [a](mailto:a@b.c)',
    `\`[no](link)\`\n\n\`\`\`\n[no](link)\n\`\`\``,
  ])('takes %j', (text) => expect(brokenIn(md('docs/c'), `# Title\n${text}`)).toEqual([]));

  it.each([
    ['[a](nope.png)', 'the link nope.png leads nowhere'],
    [`[b](${md('b')}#nope)`, `${page} has no heading #nope`],
    ['[self](#nope)', `${md('docs/c')} has no heading #nope`],
    ['`harness/nn/y.ts` does it', 'harness/nn/y.ts is not in the repository'],
    ['all of `harness/mm`', 'harness/mm is not in the repository'],
    [`[b](${md('b')}), section 4`, `${page} has no section 4`],
  ])('refuses %j', (text, wrong) => expect(brokenIn(md('docs/c'), text)).toEqual([wrong]));

  it('holds a sheet to its own sections', () => {
    const text = (own: string) =>
      `# C\n\n## 3. Three\n\nSee section ${own}, and \`tools/train.py\`.\n`;
    expect(brokenIn(md('docs/reference/c'), text('3'))).toEqual([]);
    expect(brokenIn(md('docs/reference/c'), text('4'))).toEqual(['has no section 4']);
  });

  it('gives headings the anchors of GitHub', () => {
    expect(anchors('# A `b`, c-d_e!\n## GPU\n## Größe 2\n## GPU\n')).toEqual(
      new Set(['a-b-c-d_e', 'gpu', 'größe-2', 'gpu-1']),
    );
  });
});

describe('the layout in the README', () => {
  const [, layout = ''] = /^## Layout\n(.*?)^## /ms.exec(`${textOf('README.md')}\n## `) ?? [];
  const listed = [...layout.matchAll(/^\| `([\w-]+)\/` \| (.+) \|$/gm)];
  const map = textOf('.dependency-cruiser.mjs');

  it('has the rooms of the map in its order, in its words', () => {
    const [, list = ''] = /const ROOMS = \[\n(.*?)\];/s.exec(map) ?? [];
    const rooms = [...list.matchAll(/^ *'(\w+)', \/\/ (.+)$/gm)];
    expect(rooms.length).toBe(list.trimEnd().split('\n').length);
    expect(rooms.length).toBeGreaterThan(10);
    const told = listed.slice(0, rooms.length).map(([, room, what]) => [room, what]);
    expect(told).toEqual(rooms.map(([, room, what]) => [room, what]));
  });

  it('has what stands on the harness after them, in the order of the map, and every folder', () => {
    const [, list = ''] = /const ABOVE = \{\n(.*?)\};/s.exec(map) ?? [];
    const above = [...list.matchAll(/^ *(\w+): \[/gm)].map(([, folder = '']) => folder);
    const folders = new Set(
      [...files.keys()].filter((p) => p.includes('/')).map((p) => p.split('/')[0]),
    );
    const rooms = new Set([...files.keys()].map((p) => /^harness\/([\w-]+)\//.exec(p)?.[1]));
    const told = listed.map(([, name = '']) => name).filter((name) => !rooms.has(name));
    const standing = above.filter((folder) => folders.has(folder));
    expect(told.slice(0, standing.length)).toEqual(standing);
    expect(new Set(['harness', ...told])).toEqual(folders);
  });
});
