import { UserError } from '../base/index.ts';

const MAX_NODES = 65536;

/**
 * The nodes that a SLURM list of hosts means, in its order.
 * @example nodesIn('gpu[08-10,12],login', 'SLURM_JOB_NODELIST') // gpu08 gpu09 gpu10 gpu12 login
 * @example nodesIn('r[1-2]n[1-2]', '') // r1n1 r1n2 r2n1 r2n2
 * @param where it was found, for messages
 * @throws UserError
 */
export function nodesIn(list: string, where: string): string[] {
  const wrong = () =>
    new UserError(`${where}: found "${list}", expected a list of nodes such as node[01-04,7],gpu3`);
  const nodes = splitOutside(list.trim()).flatMap((part) => expanded(part, wrong));
  if (nodes.length === 0 || nodes.length > MAX_NODES) throw wrong();
  return nodes;
}

/** At the commas that stand in no brackets. */
function splitOutside(list: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const letter of list) {
    if (letter === '[') depth++;
    if (letter === ']') depth--;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

function expanded(part: string, wrong: () => UserError): string[] {
  const found = /^([^[\]\s]*)\[([^[\]\s]+)\](.*)$/.exec(part);
  if (found === null) {
    if (/^[^[\]\s,]+$/.test(part)) return [part];
    throw wrong();
  }
  const [, before = '', inside = '', after = ''] = found;
  const rest = after === '' ? [''] : expanded(after, wrong);
  const numbers = inside.split(',').flatMap((range) => rangeOf(range, wrong));
  return numbers.flatMap((number) => rest.map((one) => `${before}${number}${one}`));
}

/** The first number's zeros are the width of all. */
function rangeOf(range: string, wrong: () => UserError): string[] {
  const found = /^(\d+)(?:-(\d+))?$/.exec(range);
  const [, from = '', to = from] = found ?? [];
  const count = Number(to) - Number(from) + 1;
  if (found === null || !(count >= 1) || count > MAX_NODES) throw wrong();
  return Array.from({ length: count }, (_, i) =>
    String(Number(from) + i).padStart(from.length, '0'),
  );
}

/**
 * The tasks of each node, from SLURM's short form.
 * @example tasksIn('2(x3),1', 'SLURM_STEP_TASKS_PER_NODE') // 2 2 2 1
 * @throws UserError
 */
export function tasksIn(list: string, where: string): number[] {
  return list.split(',').flatMap((part) => {
    const found = /^\s*(\d+)(?:\(x(\d+)\))?\s*$/.exec(part);
    const times = Number(found?.[2] ?? 1);
    if (found === null || times > MAX_NODES)
      throw new UserError(`${where}: found "${list}", expected counts such as 2(x3),1`);
    return Array.from({ length: times }, () => Number(found[1]));
  });
}
