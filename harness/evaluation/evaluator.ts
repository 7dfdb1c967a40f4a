import { UserError } from '../base/index.ts';
import { sameClasses } from '../data/classes.ts';
import { defaultPipeline } from '../data/default_pipeline.ts';
import type { Metrics } from '../experiment/index.ts';
import { resnet } from '../nn/resnet.ts';
import { ClassifierJudge } from './classifier_judge.ts';
import { FeatureJudge } from './feature_judge.ts';
import { frozenBackbone, openFrozen, settingsOf } from './frozen_model.ts';
import { type ImageSet, imageBytes, kept, openImageSet } from './image_set.ts';
import type { Evaluator, Judge, JudgeSetup } from './judge.ts';
import { openObjectEvaluator } from './object_evaluator.ts';
import { Passes } from './passes.ts';

const KEPT_BYTES = 512 * 2 ** 20;

/**
 * Judges a run as its experiment asks for; undefined where it asks for nothing. `atEpoch` gives
 * `knn_top1`, of the frozen backbone, with `feature_std` and `effective_rank` of the same features of
 * `evaluation.train`, and `test_top1` and `test_top5`, of the run's own classifier,
 * each before the first epoch, at multiples of its `everyEpochs` and after the last one; `atEnd` gives
 * `linear_top1`; tops in percent.
 * @throws UserError by path in the experiment: no labels, other classes, more neighbours than images.
 */
export async function openEvaluator(setup: JudgeSetup): Promise<Evaluator | undefined> {
  const { experiment, method } = setup;
  const { evaluation } = experiment;
  if (evaluation === undefined) return undefined;
  if (evaluation.detect !== undefined) return openObjectEvaluator(setup);
  const sets = await openSets(setup);
  const { train, test } = sets;
  const backbone = resnet(experiment.backbone);
  const model = method.model(backbone);
  const judges: Judge[] = [];
  const passes = new Passes(setup.group);
  if (evaluation.classify !== undefined)
    judges.push(await ClassifierJudge.open(setup, model, test, passes));
  if (train !== undefined) {
    const { threads = 0, signal } = setup;
    const networks = frozenBackbone(model, backbone, experiment.backbone.channels);
    const frozen = await openFrozen(networks, settingsOf(experiment), { threads });
    judges.push(
      new FeatureJudge({
        experiment,
        evaluation,
        train,
        test,
        threads,
        backbone: frozen,
        signal,
        passes,
      }),
    );
  }
  return evaluatorOf(judges, sets, passes);
}

interface Sets {
  readonly train?: ImageSet;
  readonly test: ImageSet;
}

async function openSets(setup: JudgeSetup): Promise<Sets> {
  const { experiment, data, workers, processesHere, signal, group } = setup;
  const { evaluation } = experiment;
  if (evaluation === undefined) throw new Error('evaluation: none asked for');
  const { size } = settingsOf(experiment);
  const { batch, pipeline = defaultPipeline(size), knn } = evaluation;
  const open = async (path: 'train' | 'test') => {
    const spec = evaluation[path];
    if (spec === undefined) return undefined;
    return openImageSet(
      { spec, data, pipeline, size, batch, signal, workers, processesHere, group },
      `evaluation.${path}`,
    );
  };
  const [train, test] = [await open('train'), await open('test')];
  if (test === undefined) throw new Error('evaluation: no test images');
  if (train !== undefined) sameClasses(train, test);
  if (knn !== undefined && train !== undefined && knn.k > train.count)
    throw new UserError(
      `evaluation.knn.k: ${knn.k} is more than the ${train.count} images of evaluation.train`,
    );
  const keep = imageBytes([train?.count ?? 0, test.count], size) <= KEPT_BYTES ? kept : same;
  return { ...(train === undefined ? {} : { train: keep(train) }), test: keep(test) };
}

function same(set: ImageSet): ImageSet {
  return set;
}

function evaluatorOf(judges: readonly Judge[], { train, test }: Sets, passes: Passes): Evaluator {
  const all = (judged: (judge: Judge) => Promise<Metrics>) =>
    passes.lead(async () => {
      let metrics: Metrics = {};
      for (const judge of judges) metrics = { ...metrics, ...(await judged(judge)) };
      return metrics;
    });
  return {
    manifests: {
      ...(train === undefined ? {} : { 'evaluation.train': train.sha256 }),
      'evaluation.test': test.sha256,
    },
    warnings: [...(train?.warnings ?? []), ...test.warnings],
    sources: {
      ...(train === undefined ? {} : { 'evaluation.train': train.source }),
      'evaluation.test': test.source,
    },
    atEpoch: (epoch, weights) => all((judge) => judge.atEpoch(epoch, weights)),
    atEnd: (weights) => all((judge) => judge.atEnd(weights)),
    assist: (weights) => passes.assist(weights),
    dispose: async () => {
      for (const judge of judges) judge.dispose();
    },
  };
}
