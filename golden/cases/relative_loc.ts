import { z } from 'zod';
import { UserError } from '../../harness/base/errors.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { expectTurns, viewOf } from '../../harness/testing/parity/arrays.ts';
import {
  agree,
  agreeOnBackbone,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { classifierConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { expectShape, methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { prefixOf } from '../../harness/testing/parity/share.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { unsupported } from '../../harness/testing/parity/unsupported.ts';
import { relativeLoc } from '../../methods/relative_loc.ts';

const HyperParameters = hyperParameters({ neck_dim: z.int().positive().optional() });

const Model = z.strictObject({
  type: z.literal('RelativeLoc'),
  ...modelFields,
  backbone: backboneConfig,
  neck: neckConfig,
  head: classifierConfig.extend({ with_avg_pool: z.literal(false).default(false) }),
});

const PAIRS = 8;

/** Relative Location: its images come as pairs of channels, the outer patch and the one in the middle. */
export const relativeLocCase = methodCase({
  method: relativeLoc,
  cases: ['relative_loc'],
  specs: relativeLocSpecs,
  replay: { 'neck.drop.mask': { name: 'dropout_mask', dtype: 'float32' } },
  views: (images, name, { batch, channels, size }) => {
    expectShape(name, images, [batch, PAIRS, 2 * channels, size, size]);
    const [outer, middle] = [half(images, 0), half(images, 1)];
    const centre = viewOf(middle, 0);
    const all = Array.from({ length: PAIRS }, (_, pair) => viewOf(outer, pair));
    for (let pair = 1; pair < PAIRS; pair++)
      if (Buffer.compare(bytes(viewOf(middle, pair)), bytes(centre)) !== 0)
        throw new UserError(`${name}: the patches in the middle of pairs 0 and ${pair} differ`);
    return [...all.slice(0, 4), centre, ...all.slice(4)];
  },
  also: ({ fixture, step, ranks }) => {
    for (const rank of ranks) {
      const label = `${prefixOf(rank, fixture.worldSize)}in.step${step}.patch_label`;
      expectTurns(label, fixture.input(label), PAIRS);
    }
  },
});

function relativeLocSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, neck, head } = fixture.field('model', Model);
  agreeOnBackbone(parameters, backbone);
  agree('neck_dim', parameters.neck_dim, neck.out);
  if (head.num_classes !== PAIRS)
    throw unsupported(
      `model.head.num_classes ${head.num_classes}`,
      `relative places have ${PAIRS} classes, one for each patch around the middle`,
    );
  return {
    method: { neck },
    backbone,
    ...trainingOf(fixture, parameters),
  };
}

/** The first or second half of the channels of [N, V, 2 C, H, W]: [N, V, C, H, W]. */
function half({ shape, data, dtype }: HostArray, which: 0 | 1): HostArray {
  const [count = 0, views = 0, channels = 0, ...size] = shape;
  const block = (channels / 2) * size.reduce((a, b) => a * b, 1);
  const out = new Float32Array(count * views * block);
  for (let i = 0; i < count * views; i++)
    for (let j = 0; j < block; j++) out[i * block + j] = Number(data[(2 * i + which) * block + j]);
  return hostArray(dtype, [count, views, channels / 2, ...size], out);
}

function bytes({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
