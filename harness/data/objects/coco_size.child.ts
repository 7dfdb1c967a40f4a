import { readCocoFile } from './coco_file.ts';

// In a process of its own, so that its memory is that of the reading.
const path = process.argv[2];
if (path === undefined) throw new Error('expected a file of instances');
const file = await readCocoFile(path);
const peakBytes = process.resourceUsage().maxRSS * 1024;
const images = file.images.length;
let [objects, numbers, sum] = [0, 0, 0];
for (let place = 0; place < images; place++)
  for (const { polygons = [] } of file.objects(place)) {
    objects++;
    for (const points of polygons) {
      numbers += points.length;
      for (const value of points) sum += value;
    }
  }
process.stdout.write(`${JSON.stringify({ images, objects, numbers, sum, peakBytes })}\n`);
