import { image } from '../data/images/image.ts';
import { type Batch, ofReplica } from '../data/loader/batch.ts';
import { stream } from '../random/stream.ts';
import type { StepDefinition } from '../step/definition.ts';

/** What a step takes, of noise drawn from the seed. */
export function randomBatch(definition: StepDefinition, seed: number): Batch {
  const { method, replicas, batch, size, channels } = definition;
  const count = replicas * batch;
  const draws = stream(seed, 'dry run');
  const noise = Uint8Array.from({ length: 4096 }, () => draws.int(0, 255));
  const pixels = Uint8Array.from({ length: count * size * size * channels }, (_, i) => {
    return noise[(i * 31 + (i >> 12)) % noise.length] ?? 0;
  });
  return {
    ...fedOf(definition, pixels, count),
    ...objectsFed(definition, seed),
    indices: Int32Array.from({ length: count }, (_, i) => i),
    draws: Object.fromEntries(method.draws.map((name) => [name, draws.permutation(count)])),
    ...(method.labels ? { labels: new Int32Array(count) } : {}),
    ...(method.chance ? { chance: Int32Array.of(1, 2) } : {}),
  };
}

/** Views, or rows of features in their place. */
function fedOf(
  { method, model: { cached } }: StepDefinition,
  pixels: Uint8Array,
  count: number,
): Pick<Batch, 'views' | 'rows'> {
  if (cached === undefined) return { views: Array.from({ length: method.views }, () => pixels) };
  return { views: [], rows: new Float32Array(count * cached.width).fill(1) };
}

/** Of an outline with many, as data have them. */
const CORNERS = 256;

/** Pictures of noise with an object each, as large as they may be, where steps take those. */
function objectsFed(definition: StepDefinition, seed: number): Pick<Batch, 'inputs' | 'sizes'> {
  const { method, objects, normalise, batch, size, replicas } = definition;
  if (objects === undefined || method.objects === undefined || normalise === undefined) return {};
  const draws = stream(seed, 'dry run of objects');
  const noise = image(
    size,
    size,
    Uint8Array.from({ length: 3 * size * size }, () => draws.int(0, 255)),
  );
  const change = { width: size, height: size, toWidth: size, toHeight: size, flip: false };
  const half = size / 2;
  const box = [0, 0, half, half] as const;
  const at = (corner: number) => [(half * corner) / CORNERS, corner % 2 === 0 ? 0 : half];
  const outline = Float64Array.from(Array.from({ length: CORNERS }, (_, k) => at(k)).flat());
  const pictures = Array.from({ length: batch }, (_, place) => {
    const targets = [{ class: 0, box, polygons: [outline] }];
    return { index: 0, place, picture: noise, change, targets };
  });
  const setup = { seed, batch, size, ...objects, ...normalise };
  const fed = method.objects.feed(setup, pictures);
  const all = Array.from({ length: replicas }, (_, replica) => ofReplica(replica, fed));
  return {
    inputs: Object.assign({}, ...all.map(({ inputs }) => inputs)),
    sizes: Object.assign({}, ...all.map(({ sizes }) => sizes)),
  };
}
