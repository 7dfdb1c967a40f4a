import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { writeAtomic } from '../../base/files.ts';

// As instances_train2017.json has: pictures, objects, and about 450 MB.
const [IMAGES, OBJECTS, CORNERS] = [118_287, 860_001, 22];
const [WIDTH, HEIGHT] = [640, 480];
const PIECE = 1 << 20; // letters

/** Outlines in quarters of a pixel, which a sum holds without rounding. */
class Written {
  numbers = 0;
  sum = 0;
  private word = 1;

  *pieces(): Generator<Uint8Array> {
    let text = '';
    for (const line of this.lines()) {
      text += line;
      if (text.length < PIECE) continue;
      yield Buffer.from(text);
      text = '';
    }
    yield Buffer.from(text);
  }

  private *lines(): Generator<string> {
    yield '{"info":{"year":2017},"licenses":[],"images":[';
    for (let i = 0; i < IMAGES; i++) {
      const file = `${String(i + 1).padStart(12, '0')}.jpg`;
      const url = `"coco_url":"http://images.example/train2017/${file}","license":3`;
      const size = `"height":${HEIGHT},"width":${WIDTH}`;
      yield `${i === 0 ? '' : ', '}{"id":${i + 1},"file_name":"${file}",${size},${url}}`;
    }
    yield '],"annotations":[';
    for (let i = 0; i < OBJECTS; i++) yield `${i === 0 ? '' : ', '}${this.annotation(i)}`;
    yield '],"categories":[{"supercategory":"thing","id":1,"name":"one"},{"id":90,"name":"two"}]}\n';
  }

  private annotation(i: number): string {
    const points: number[] = [];
    for (let k = 0; k < 2 * CORNERS; k++) {
      // Numerical Recipes' generator.
      this.word = (Math.imul(this.word, 1664525) + 1013904223) >>> 0;
      const value = ((this.word >>> 8) % (4 * HEIGHT)) / 4;
      points.push(value);
      this.sum += value;
    }
    this.numbers += points.length;
    const ids = `"id":${900_100_000_000 + i},"image_id":${1 + (i % IMAGES)}`;
    const outline = points.map((value) => value.toFixed(2)).join(', ');
    const rest = `"area": 702.1057499999998, "iscrowd": 0, "bbox": [0.0, 0.0, 480.0, 480.0]`;
    return `{"segmentation": [[${outline}]], ${rest}, "category_id": ${i % 2 === 0 ? 1 : 90}, ${ids}}`;
  }
}

test('a file of the size of COCO is read in less than one GiB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coco-size-'));
  try {
    const path = join(folder, 'instances.json');
    const written = new Written();
    await writeAtomic(path, written.pieces());
    expect(statSync(path).size / 1e6).toBeGreaterThan(430);
    const child = fileURLToPath(new URL('coco_size.child.ts', import.meta.url));
    // Values that are no longer needed may lie around only so long.
    const words = ['--max-old-space-size=768', '--import', 'tsx', child, path];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    const { peakBytes, ...read } = JSON.parse(stdout);
    const { numbers, sum } = written;
    expect(read).toEqual({ images: IMAGES, objects: OBJECTS, numbers, sum });
    process.stderr.write(
      `peak ${Math.round(peakBytes / 2 ** 20)} MiB of ${statSync(path).size} bytes\n`,
    );
    expect(peakBytes / 2 ** 30).toBeLessThan(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
