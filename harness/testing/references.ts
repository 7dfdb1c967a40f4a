import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, posix } from 'node:path';

/** The repository's files: path from its root → text, '' where a file is no text. */
export type Files = ReadonlyMap<string, string>;

/** Pages that are named here and lie elsewhere, and where. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  'report.md': 'the page of one run, in its work directory',
  'detection.md': 'the page of a detector, in the work directory of its benchmark',
  'doc/d9m/tensorflow_status.md': "NVIDIA's repository framework-reproducibility",
  'SECURITY.md': "TensorFlow's repository",
};

const FOLDERS: readonly string[] = [
  'docs',
  'golden',
  'harness',
  'methods',
  'benchmarks',
  'reports',
  'scripts',
  'tools',
];
const TEXT = new Set(['.ts', '.mjs', '.py', '.md', '.html', '.json']);

/** Reads the files at `root`, and those in its folders for code and pages. */
export function filesBelow(root: string): Files {
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isFile()) {
        const text = TEXT.has(extname(path)) ? readFileSync(join(root, path), 'utf8') : '';
        files.set(path, text);
      } else if (entry.isDirectory() && (folder !== '' || FOLDERS.includes(path))) visit(path);
    }
  };
  visit('');
  return files;
}

const withoutBlocks = (page: string) => page.replace(/^```.*?^```/gms, '');

/** Headings of a page in order, without their marks. */
function headings(page: string): readonly string[] {
  const lines = withoutBlocks(page).matchAll(/^#{1,6} +(.+?) *$/gm);
  return [...lines].map(([, heading = '']) => heading);
}

/** The anchors that GitHub gives the headings of a page; a second one of a name gets `-1`. */
export function anchors(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  return new Set(
    headings(page).map((heading) => {
      const kept = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '');
      const slug = kept.replace(/\s/g, '-');
      const before = seen.get(slug) ?? 0;
      seen.set(slug, before + 1);
      return before === 0 ? slug : `${slug}-${before}`;
    }),
  );
}

const exists = (files: Files, path: string) =>
  files.has(path) || [...files.keys()].some((file) => file.startsWith(`${path}/`));

const SECTIONS = /^[`)]*,? sections? (\d+(?:\.\d+)*(?:(?:, | and | to )\d+(?:\.\d+)*)*)/;
const HEADING = /^[`)]*, "([^"]+)"/;
const BARE_NUMBER = /^[`)]*,? \d/;

/** What is wrong with what follows the name of a page: sections that it lacks, or another form. */
function wrongPlaces(page: string, rest: string): readonly string[] {
  const has = headings(page);
  const [, sections] = SECTIONS.exec(rest) ?? [];
  if (sections !== undefined) {
    const numbers = sections.split(/, | and | to /);
    return numbers
      .filter((n) => !has.some((heading) => heading.split(/\.? /, 1)[0] === n))
      .map((n) => `has no section ${n}`);
  }
  const [, heading] = HEADING.exec(rest) ?? [];
  if (heading !== undefined) return has.includes(heading) ? [] : [`has no heading "${heading}"`];
  return BARE_NUMBER.test(rest) ? ['is followed by a bare number; write ", section 1.3"'] : [];
}

/** Lines joined into one, without the marks that begin a line of a comment. */
const unwrapped = (text: string) => text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/|#|>)?[ \t]*/g, ' ');

/**
 * A page is named by its path from the root, or from the folder of the file that names it; code
 * that writes the pages of `reports/` names them without that folder.
 */
function pageNamed(files: Files, by: string, name: string): string | undefined {
  const bases = ['', posix.dirname(by), ...(by.endsWith('.md') ? [] : ['reports'])];
  return bases.map((base) => posix.join(base, name)).find((path) => files.has(path));
}

/** Pages named in a text of any kind that are not there, or lack the section that is cited. */
function wrongMentions(files: Files, path: string): readonly string[] {
  const whole = unwrapped(files.get(path) ?? '');
  const named = whole.matchAll(/https?:\/\/\S+|[\w./-]*\w\.md\b/g);
  return [...named].flatMap(({ 0: found, index }) => {
    const name = found.replace(/^\//, '');
    if (found.startsWith('http') || Object.hasOwn(ELSEWHERE, name)) return [];
    const page = pageNamed(files, path, name);
    if (page === undefined) return [`${path}: ${name} is not in the repository`];
    const rest = whole.slice(index + found.length, index + found.length + 200);
    return wrongPlaces(files.get(page) ?? '', rest).map((wrong) => `${path}: ${page} ${wrong}`);
  });
}

/** Links of a page to files or headings that are not there. */
function wrongLinks(files: Files, path: string): readonly string[] {
  const prose = withoutBlocks(files.get(path) ?? '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [to = '', anchor] = link.split('#');
    const target = to === '' ? path : posix.join(posix.dirname(path), to);
    if (!exists(files, target)) return [`${path}: the link ${link} leads nowhere`];
    if (anchor === undefined || anchors(files.get(target) ?? '').has(anchor)) return [];
    return [`${path}: ${target} has no heading #${anchor}`];
  });
}

const PATHS = new RegExp(`(?<![\\w./-])(?:${FOLDERS.join('|')})/[\\w./-]*\\w(?![\\w./*<{-])`, 'g');

/** Files and folders of ours that a page names and that are not there. */
function wrongPaths(files: Files, path: string): readonly string[] {
  const named = new Set((files.get(path) ?? '').match(PATHS));
  return [...named]
    .filter((name) => !exists(files, name))
    .map((name) => `${path}: ${name} is not in the repository`);
}

/** Sections that a page cites without naming a page are its own. */
function wrongOwn(files: Files, path: string): readonly string[] {
  const page = files.get(path) ?? '';
  const whole = unwrapped(page);
  const cited = whole.matchAll(/(?<!\.md[`)]*,?) sections? \d/g);
  return [...cited].flatMap(({ index }) =>
    wrongPlaces(page, whole.slice(index, index + 200)).map((wrong) => `${path}: ${wrong}`),
  );
}

/**
 * Every reference to a page, a section, a heading or a file that is not there. Code and pages cite
 * as `docs/reference/methods.md, section 1.3` or as `docs/determinism.md, "Lanes"`. The sheets
 * about the original name its files, not ours, and cite their own sections without naming a page.
 * @returns one line each, beginning with the file that has the reference
 */
export function brokenReferences(files: Files): readonly string[] {
  return [...files.keys()].flatMap((path) => {
    const mentions = wrongMentions(files, path);
    if (!path.endsWith('.md')) return mentions;
    const rest = path.startsWith('docs/reference/') ? wrongOwn : wrongPaths;
    return [...mentions, ...wrongLinks(files, path), ...rest(files, path)];
  });
}
