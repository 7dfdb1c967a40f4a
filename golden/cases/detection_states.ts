import { entriesOf, type Networks } from '../../benchmarks/detection/bind.ts';
import { UserError } from '../../harness/base/errors.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { toHWIO } from '../../harness/engine/layout.ts';
import type { ParameterSpec } from '../../harness/nn/module.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';

/**
 * Every parameter and buffer of a detector from a case, in the graph's layout.
 * @throws UserError where the case has another tensor, or none of a name
 */
export function initialStates(fixture: Fixture, made: Networks): Map<string, HostArray> {
  const all = new Map<string, ParameterSpec>([
    ...entriesOf(made, 'parameters'),
    ...entriesOf(made, 'buffers'),
  ]);
  for (const input of fixture.inputs)
    if (input.startsWith('init.') && !all.has(input.slice('init.'.length)))
      throw new UserError(`${input}: the detector built from the case has no such tensor`);
  return new Map(
    [...all].map(([name, { dtype, shape }]) => {
      const value = fixture.input(`init.${name}`);
      const own = value.shape.length === 4 ? toHWIO(value) : value;
      if (own.shape.length === 4 && String(own.shape) !== String(shape))
        throw new UserError(`init.${name}: found shape [${own.shape}], expected [${shape}]`);
      return [name, hostArray(dtype, shape, own.data)];
    }),
  );
}
