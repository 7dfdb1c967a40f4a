import { UserError } from '../../base/errors.ts';
import type { NeckSpec } from '../../nn/necks.ts';
import type { ResNetSpec } from '../../nn/resnet.ts';

export { backboneConfig } from './backbone_config.ts';
export { averageNeckConfig, neckConfig, predictorConfig } from './neck_config.ts';

/** Holds depth and width of the hyper-parameters to the backbone that the case builds. */
export function agreeOnBackbone(
  parameters: { readonly depth?: number | undefined; readonly width?: number | undefined },
  backbone: { readonly depth: number; readonly width: number },
): void {
  agree('depth', parameters.depth, backbone.depth);
  agree('width', parameters.width, backbone.width * 64);
}

const NORMS = { batch: 'BN', sync: 'SyncBN', group: 'GN' } as const;

/** Holds the norm of the hyper-parameters to the backbone of the case. */
export function agreeOnNorm(norm: string | undefined, backbone: Pick<ResNetSpec, 'norm'>): void {
  agree('norm', norm, NORMS[backbone.norm]);
}

/** Holds widths, layers, biases and the last norm of the hyper-parameters to the neck of the case. */
export function agreeOnNeck(
  parameters: {
    readonly dim?: number | undefined;
    readonly hid?: number | undefined;
    readonly num_layers?: number | undefined;
    readonly with_bias?: boolean | undefined;
    readonly with_last_bn?: boolean | undefined;
  },
  neck: NeckSpec,
): void {
  const single = parameters.num_layers === 1; // then the hidden width is the last one
  agree('dim', single ? parameters.hid : parameters.dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  if (neck.kind !== 'layers') return;
  const { num_layers = neck.hidden.length + 1, with_bias = neck.bias } = parameters;
  agree('num_layers', num_layers, neck.hidden.length + 1);
  agree('with_bias', with_bias, neck.bias);
  if (!single) agree('with_last_bn', parameters.with_last_bn, neck.lastNorm);
}

/** Holds the width of hidden layers, where the hyper-parameters have it, to the neck of the case. */
export function agreeOnHidden(hid: number | undefined, neck: NeckSpec | null): void {
  const widths = neck === null || neck.kind === 'linear' ? [] : [neck.hidden].flat();
  if (hid !== undefined) for (const width of widths) agree('hid', hid, width);
}

/**
 * Holds a hyper-parameter, where the case has it, to what its model was built with.
 * @throws UserError by its name.
 */
export function agree(name: string, parameter: unknown, built: unknown): void {
  if (parameter !== undefined && parameter !== built)
    throw new UserError(`hyper_parameters.${name}: ${parameter}, but the model has ${built}`);
}
