import { sizeOf } from '../engine/array.ts';
import { bindMethod, type Experiment, type Methods, type Model } from '../experiment/index.ts';
import type { Module, ParameterSpec } from '../nn/module.ts';
import { stepDefinition } from './definition.ts';

export interface ParameterCounts {
  readonly backbone: number;
  /** Of these, those that get gradients. */
  readonly backboneTrainable: number;
  /** All networks, followers too; running statistics and queues are not parameters. */
  readonly total: number;
  readonly trainable: number;
}

/** Parameters of an experiment's networks. Builds them, runs nothing. */
export function countParameters(experiment: Experiment, methods: Methods): ParameterCounts {
  const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
  const { networks, followers, backbone } = model;
  const led = Object.entries(networks).flatMap(([name, { parameters }]) =>
    [...parameters].map(([key, spec]) => ({ name: `${name}.${key}`, spec })),
  );
  const following = Object.values(followers).flatMap((leader) => [
    ...moduleOf(model, leader).parameters.values(),
  ]);
  const own = led.filter(({ name }) => name.startsWith(backbone)).map(({ spec }) => spec);
  const specs = led.map(({ spec }) => spec);
  return {
    backbone: sum(own),
    backboneTrainable: sum(own.filter(({ trainable }) => trainable)),
    total: sum([...specs, ...following]),
    trainable: sum(specs.filter(({ trainable }) => trainable)),
  };
}

/** The four lines of the original's count_parameters.py: millions, five significant digits. */
export function parameterLines(counts: ParameterCounts): string[] {
  return [
    `Number of backbone parameters: ${millions(counts.backbone)} M`,
    `Number of backbone parameters requiring grad: ${millions(counts.backboneTrainable)} M`,
    `Number of total parameters: ${millions(counts.total)} M`,
    `Number of total parameters requiring grad: ${millions(counts.trainable)} M`,
  ];
}

// As Python's {:.5g}: trailing zeros are left out.
function millions(count: number): string {
  return String(Number((count / 1e6).toPrecision(5)));
}

function moduleOf({ networks }: Model, name: string): Module {
  const module = networks[name];
  if (module === undefined) throw new Error(`model: there is no network '${name}' to follow`);
  return module;
}

function sum(specs: readonly ParameterSpec[]): number {
  return specs.reduce((total, { shape }) => total + sizeOf(shape), 0);
}
