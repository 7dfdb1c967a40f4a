import type { CommandSpec } from './option.ts';

/** What `--help` prints. */
export function helpText(
  name: string,
  { summary, arguments: args, options, examples }: Required<Omit<CommandSpec, 'ends'>>,
): string {
  const shown = args.map(({ name: arg, optional, repeated }) =>
    optional || repeated ? `[${arg}${repeated ? '…' : ''}]` : arg,
  );
  const rows = [
    ...args.map((arg) => [arg.name, arg.help] as const),
    ...Object.entries(options).map(([key, option]) => {
      const left = option.kind === 'flag' ? `--${key}` : `--${key} ${option.value ?? 'VALUE'}`;
      const start = option.default === undefined ? '' : ` (default: ${option.default})`;
      return [left, `${option.help}${start}`] as const;
    }),
  ];
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = [
    summary,
    '',
    `Usage: npx zx scripts/${[`${name}.mjs`, ...shown].join(' ')} [options]`,
    '',
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`),
    ...(examples.length === 0 ? [] : ['', 'Examples:']),
    ...examples.map((example) => `  npx zx scripts/${name}.mjs ${example}`),
  ];
  return `${lines.join('\n')}\n`;
}
