/** The door of this room, for the rooms above it and what stands on the harness. */
export { bindMethod, checkShape, dataShape, type Methods } from './bind.ts';
export { checkData, checkExperiment } from './checks.ts';
export { type Compat, type CompatFields, compatOf, compatSpec } from './compat.ts';
export type { AfterStep, EpochPlace, Features, Host, HostWork, Purpose, StepAt } from './host.ts';
export {
  type BoundMethod,
  type DataShape,
  defineMethod,
  type Method,
  type MethodDefinition,
  NO_DATA,
  type Outcome,
  type RowsReplaced,
  type RowsScattered,
  type RunShape,
  replaceAt,
  replaceRows,
  type StateChange,
  type Step,
  type StepPlace,
  type WholeRun,
} from './method.ts';
export type { Metrics } from './metrics.ts';
export {
  type Backbone,
  type BoundModel,
  type ClassifierSpec,
  checkBackbone,
  type FeatureSpec,
  type Model,
  type StateSpec,
} from './model.ts';
export type {
  BoundObjects,
  FeedSetup,
  FoundObject,
  ObjectFinder,
  ObjectInputs,
  ObjectMethod,
  PictureShape,
} from './objects.ts';
export { override } from './override.ts';
export { byKind, findRecipes, type Recipes, recipeExports, recipeNamed } from './registry.ts';
export {
  type ClassifySpec,
  type DetectSpec,
  type EvaluationSpec,
  type Experiment,
  type ExperimentInput,
  experimentId,
  type KnnSpec,
  LinearSpec,
  type PreciseNormsSpec,
  parseExperiment,
  type SpecifiedMethod,
} from './spec.ts';
export { warningsOf } from './warnings/all.ts';
export type { KnownSource, KnownSources } from './warnings/known_sources.ts';
