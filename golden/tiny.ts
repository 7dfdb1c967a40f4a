import { sha256 } from '../harness/base/hash.ts';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { toOIHW } from '../harness/engine/layout.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import type { Metrics } from '../harness/experiment/metrics.ts';
import { type Experiment, experimentId, parseExperiment } from '../harness/experiment/spec.ts';
import { initialValue } from '../harness/nn/initialise.ts';
import { stream } from '../harness/random/stream.ts';
import { exactMetrics } from '../harness/record/entries.ts';
import { type RunRecord, sealed, type UnsealedRecord } from '../harness/record/record.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import { appendEpoch } from '../harness/testing/records.ts';
import { stateHash } from '../harness/weights/checkpoint.ts';
import { methods } from '../methods/index.ts';

const view = [{ kind: 'randomResizedCrop', scale: [0.2, 1] }, { kind: 'flip' }];

/** A MoCo of seconds: ResNet-18 with stages of 4 to 32 channels on images of 16 pixels. */
export const tiny = {
  name: 'moco/tiny',
  method: { kind: 'moco', neck: { kind: 'mlp', hidden: 32, out: 16 }, queue: 64, temperature: 0.2 },
  backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
  data: {
    train: { kind: 'generated', count: 64, size: 16 },
    pipelines: [view, view],
    size: 16,
    dropLast: true,
  },
  batch: 16,
  epochs: 3,
  optimizer: { kind: 'sgd', lr: 0.06, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', per: 'epoch' },
  evaluation: {
    train: { kind: 'generated', count: 64, size: 16 },
    test: { kind: 'generated', count: 32, size: 16, split: 'test' },
    knn: { k: 5, everyEpochs: 1 },
    linear: { epochs: 2, batch: 16 },
  },
  checkpoint: { keepLast: 0 },
};

export function tinyExperiment(changes: object = {}): Experiment {
  return parseExperiment({ ...tiny, ...changes }, methods);
}

/** A state as a run of the experiment would have it, from the seed, without running anything. */
export function stateOf(experiment: Experiment, seed = 0): Map<string, HostArray> {
  const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
  const leaders = Object.keys(model.networks).map((name) => [name, name] as const);
  const weights = [...leaders, ...Object.entries(model.followers)].flatMap(([name, leader]) => {
    const { parameters, buffers } = model.networks[leader] ?? { parameters: [], buffers: [] };
    return [...parameters, ...buffers].map(([key, spec]) => {
      const value = initialValue(spec, stream(seed, 'init', `${leader}.${key}`));
      return [`${name}.${key}`, value.shape.length === 4 ? toOIHW(value) : value] as const;
    });
  });
  const momentum = hostArray('float32', [2], Float32Array.of(1, 2));
  const queue = hostArray('float32', [1, 2], Float32Array.of(seed, 0));
  return new Map([...weights, ['momentum.encoder_q.0.conv1.weight', momentum], ['queue', queue]]);
}

/** A record whose states are those, epoch by epoch. */
export async function recordOfStates(
  experiment: Experiment,
  states: readonly ReadonlyMap<string, HostArray>[],
  metrics: readonly Metrics[] = [],
): Promise<RunRecord> {
  const head: UnsealedRecord = {
    format: 'reprise-record-2',
    experiment,
    experimentId: experimentId(experiment),
    data: { train: sha256('images') },
    graph: sha256('graph'),
    library: sha256('library'),
    fingerprint: { id: 'aaaaaaaaaaaa', device: 'cpu' },
    environment: {},
    epochs: [],
    finished: false,
  };
  let record = sealed(head);
  for (const [epoch, state] of states.entries())
    record = appendEpoch(record, {
      epoch,
      step: 4 * epoch,
      metrics: exactMetrics(metrics[epoch] ?? { loss: 3 - epoch }),
      stateHash: await stateHash(state),
    });
  return record;
}
