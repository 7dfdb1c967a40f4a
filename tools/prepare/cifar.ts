import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { filePieces } from '../../harness/base/index.ts';
import { sameClasses } from '../../harness/data/classes.ts';
import { bring, type Layout } from './bring.ts';
import { inspect } from './inspect.ts';
import { CIFAR_MD5 } from './known.ts';
import { inOut, type Work } from './work.ts';

const FOLDER = 'cifar';

/** CIFAR needs no lists: its files are put in place and compared with the publisher's. */
export async function prepareCifar(work: Work, kind: 'cifar10' | 'cifar100'): Promise<void> {
  const number = kind === 'cifar10' ? '10' : '100';
  const layout: Layout = {
    folder: FOLDER,
    parts:
      kind === 'cifar10'
        ? ['cifar-10-batches-bin', 'cifar-10-batches-py']
        : ['cifar-100-binary', 'cifar-100-python'],
    places: ['.', FOLDER],
    archives: new RegExp(`^cifar-${number}-(binary|python).*\\.(tar|tar\\.gz|tgz)$`),
    unpack: { place: (entry) => `${FOLDER}/${entry}` },
  };
  await bring(work, layout);
  for (const [name, md5] of Object.entries(CIFAR_MD5)) {
    const path = inOut(work, FOLDER, name);
    if (!layout.parts.some((part) => name.startsWith(`${part}/`)) || !existsSync(path)) continue;
    const found = md5Of(path);
    if (found === md5) work.said.push(`${name} has the publisher's MD5`);
    else work.differences.push(`${name} has MD5 ${found}, the publisher's is ${md5}`);
  }
  const [train, test] = [await open(work, kind, 'train'), await open(work, kind, 'test')];
  sameClasses(train, test);
}

async function open(work: Work, kind: 'cifar10' | 'cifar100', split: 'train' | 'test') {
  const path = `${kind} ${split}`;
  const known = {
    images: split === 'train' ? 50_000 : 10_000,
    classes: kind === 'cifar10' ? 10 : 100,
  };
  return { path, source: await inspect(work, path, { kind, root: FOLDER, split }, known) };
}

function md5Of(path: string): string {
  const hash = createHash('md5');
  for (const piece of filePieces(path)) hash.update(piece);
  return hash.digest('hex');
}
