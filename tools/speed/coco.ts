import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { inTemporaryFolder, readJson, UserError, writeAtomic } from '../../harness/base/index.ts';
import { boxTask } from '../../harness/metrics/coco_boxes.ts';
import { COCO_STATS, cocoDetection } from '../../harness/metrics/coco_detection.ts';
import { maskTask } from '../../harness/metrics/coco_masks.ts';
import {
  type CocoReport,
  type CocoRun,
  cocoMarkdown,
  cocoReport,
  cocoRun,
} from '../../reports/coco_speed.ts';
import { root } from '../command/root.ts';
import { writeDrawnResults } from './coco_drawn.ts';
import { processor, today } from './machine.ts';
import { startTimed } from './timed_process.ts';

const KINDS = ['boxes', 'masks'] as const;
type CocoKind = (typeof KINDS)[number];

export interface CocoAgainst {
  /** Python with pycocotools. */
  readonly python: string;
  readonly images: number;
  /** Of an image. */
  readonly detections: number;
  /** Runs of each side. */
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Times our judging against pycocotools', and writes the report. */
export async function cocoAgainst(
  options: CocoAgainst,
): Promise<{ readonly report: CocoReport; readonly page: string }> {
  const { images, detections, date, out } = options;
  const kinds = await inTemporaryFolder('coco-', async (folder) => {
    await writeDrawnResults(folder, images, detections);
    const all = [];
    for (const kind of KINDS) all.push(await runsOf(folder, kind, options));
    return all;
  });
  const when = { date: date ?? today(), machine: processor() };
  const report = cocoReport.parse({ ...when, images, detections, kinds });
  const page = cocoMarkdown(report);
  await writeAtomic(resolve(out, 'coco_speed.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeAtomic(resolve(out, 'coco_speed.md'), page);
  return { report, page };
}

async function runsOf(folder: string, kind: CocoKind, { python, rounds }: CocoAgainst) {
  const script = resolve(root, 'scripts/bench_coco.mjs');
  const own = [process.execPath, script, '--json', '--side', folder, '--kind', kind];
  const files = [join(folder, 'annotations.json'), join(folder, `${kind}.json`)];
  const theirs = [python, resolve(root, 'tools/torch/bench_coco.py'), ...files, '--kind', kind];
  const ours: CocoRun[] = [];
  const pycocotools: CocoRun[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(cocoRun.parse(await startTimed(own).result()));
    pycocotools.push(cocoRun.parse(await startTimed(theirs).result()));
  }
  return { kind, ours, pycocotools };
}

/** Our side, once: from files to numbers. @throws UserError for another kind than boxes or masks */
export async function ourCoco(folder: string, kind: string): Promise<CocoRun> {
  if (!KINDS.some((one) => one === kind))
    throw new UserError(`--kind ${kind}: expected ${KINDS.join(' or ')}`);
  const Package = z.object({ version: z.string() });
  const text = await readFile(resolve(root, 'package.json'), 'utf8');
  const { version } = Package.parse(JSON.parse(text));
  const [begin, before] = [performance.now(), process.cpuUsage()];
  const annotations = readJson(join(folder, 'annotations.json'), "COCO's annotations");
  const results = readJson(join(folder, `${kind}.json`), "COCO's results");
  const { stats } =
    kind === 'boxes'
      ? cocoDetection(boxTask(annotations, results))
      : cocoDetection(maskTask(annotations, results));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(before);
  const memoryMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  const twelve = COCO_STATS.map((name) => stats[name]);
  return { version, seconds, cpu: (user + system) / 1e6, memoryMiB, stats: twelve };
}
