import { UserError } from '../base/index.ts';

/**
 * A value with fields replaced, as `--set` asks for; the value itself is not changed. What stands
 * right of `=` is JSON, or else plain text. Whether a key is known is for the schema to say.
 * @param settings `key.path=value`; the last one wins; list items by number, `rules.0.lr=0.1`.
 * @throws UserError naming the setting that cannot be read or leads nowhere.
 * @example override({ optimizer: { lr: 0.03 } }, ['optimizer.lr=0.1', 'name=mine'])
 */
export function override(value: unknown, settings: readonly string[]): unknown {
  return settings.reduce<unknown>((inner, setting) => {
    const { path, to } = read(setting);
    return replaced(inner, path, to, setting);
  }, value);
}

function read(setting: string): { readonly path: readonly string[]; readonly to: unknown } {
  const at = setting.indexOf('=');
  const path = setting.slice(0, Math.max(at, 0)).split('.');
  if (at < 1 || path.includes('')) {
    throw new UserError(`--set "${setting}": expected key.path=value, e.g. optimizer.lr=0.1`);
  }
  return { path, to: jsonOrText(setting.slice(at + 1)) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function replaced(value: unknown, path: readonly string[], to: unknown, setting: string): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  if (Array.isArray(value)) return replacedItem(value, key, rest, to, setting);
  if (value !== undefined && (typeof value !== 'object' || value === null)) {
    throw new UserError(`--set "${setting}": ${JSON.stringify(value)} has no field ${key}`);
  }
  const fields = Object.entries(value ?? {});
  const old = fields.find(([name]) => name === key)?.[1];
  const others = fields.filter(([name]) => name !== key);
  return Object.fromEntries([...others, [key, replaced(old, rest, to, setting)]]);
}

function replacedItem(
  list: readonly unknown[],
  key: string,
  rest: readonly string[],
  to: unknown,
  setting: string,
): unknown {
  const index = Number(key);
  if (!/^\d+$/.test(key) || index > list.length) {
    const range = `0 to ${list.length}`;
    throw new UserError(`--set "${setting}": ${key} is no place in a list; expected ${range}`);
  }
  const item = replaced(list[index], rest, to, setting);
  return [...list.slice(0, index), item, ...list.slice(index + 1)];
}
