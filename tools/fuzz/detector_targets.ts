import { join } from 'node:path';
import fc from 'fast-check';
import { detectorFiles } from '../../harness/testing/detector_files.ts';
import { type WrittenEntry, zipBytes } from '../../harness/testing/zips.ts';
import { readDetectorFile } from '../../harness/weights/detector_file.ts';
import { pickle } from './pickles.ts';
import { mutated } from './pieces.ts';
import type { Target } from './target.ts';
import { entriesOf, joinLegacy, legacyPieces } from './weights_targets.ts';

const isMain = ({ name }: WrittenEntry) => name.endsWith('/data.pkl');

/** A checkpoint whose pickle is changed, in a sound archive. */
function changedArchive(file: Uint8Array): fc.Arbitrary<Uint8Array> {
  const entries = entriesOf(file);
  const { name = '', content = new Uint8Array() } = entries.find(isMain) ?? {};
  const rest = entries.filter((entry) => !isMain(entry));
  const files = mutated({ ...pickle, seeds: [pickle.split(content)] });
  return files.map((changed) => zipBytes([{ name, content: changed }, ...rest]));
}

/** Detectors and their backbones as detectron2's users have them: pickles, and checkpoints of PyTorch. */
export function detectorTarget(): Target {
  const { files, detector } = detectorFiles();
  const model = new Map([...detector].map(([name, { shape }]) => [name, shape]));
  const of = (test: RegExp) =>
    [...files].flatMap(([name, file]) => (test.test(name) ? [file] : []));
  const pickles = of(/\.pkl$/);
  const legacy = of(/_legacy\.pth$/).map((file) => legacyPieces(Buffer.from(file)));
  return {
    files: fc.oneof(
      { weight: 3, arbitrary: mutated({ ...pickle, seeds: pickles.map(pickle.split) }) },
      { weight: 1, arbitrary: mutated({ seeds: legacy, join: joinLegacy }) },
      ...of(/(?<!_legacy)\.pth$/).map((file) => ({ weight: 1, arbitrary: changedArchive(file) })),
    ),
    fixed: [...files.values()],
    place: (folder) => join(folder, 'detector.pth'),
    feed: (path, serial) => readDetectorFile(path, model, serial % 4 === 0),
  };
}
