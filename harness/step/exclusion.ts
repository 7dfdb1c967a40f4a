import type { Compat, Model } from '../experiment/index.ts';
import type { OptimizerSpec } from '../optim/spec.ts';

/**
 * As the original has it, searched for anywhere in a name (docs/reference/methods.md, section 3.3).
 * Each `.` is a wildcard.
 */
const ORIGINAL = /(bn|gn)(\d+)?.(weight|bias)|bias/;

/**
 * Which parameters LARS leaves without layer-wise rate and weight decay: norms and biases, by what
 * they are or by what the original's names say. Other optimisers treat all parameters alike.
 */
export function exclusion(
  { kind }: OptimizerSpec,
  model: Model,
  { larsExclusion }: Compat,
): (name: string) => boolean {
  if (kind !== 'lars') return () => false;
  if (larsExclusion === 'original') return (name) => ORIGINAL.test(name);
  const apart = new Set<string>();
  for (const [network, { parameters }] of Object.entries(model.networks))
    for (const [name, { role }] of parameters)
      if (role === 'norm' || role === 'bias') apart.add(`${network}.${name}`);
  return (name) => apart.has(name);
}
