/** An option of a command. */
export interface Option {
  /** A `list` may be given several times. */
  readonly kind: 'flag' | 'text' | 'int' | 'number' | 'list';
  readonly help: string;
  /** What stands for the value in `--help`, e.g. `DIR`. */
  readonly value?: string;
  readonly default?: string | number;
  /** Smallest number allowed. */
  readonly min?: number;
  readonly choices?: readonly string[];
}
export type OptionSpecs = Readonly<Record<string, Option>>;

/** An argument of a command, which stands without a name. */
export interface Argument {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** The last one may stand any number of times, or not at all. */
  readonly repeated?: boolean;
}

/** What a command takes and is for. */
export interface CommandSpec {
  readonly summary: string;
  readonly arguments?: readonly Argument[];
  readonly options?: OptionSpecs;
  /** Command lines, without the name of the command. */
  readonly examples?: readonly string[];
  /**
   * How it ends when it is told to. `saves`: by itself, through `trainInterruptibly` or `untilInterrupted`. `tidies`: at
   * once, but for what waits for `process.on('exit')`. Both go on when nobody reads their output. Left out: at once, as
   * programs do.
   */
  readonly ends?: 'saves' | 'tidies';
}

export type OptionValue = boolean | string | number | readonly string[] | undefined;

interface Given {
  readonly flag: boolean;
  readonly list: readonly string[];
  readonly text: string;
  readonly int: number;
  readonly number: number;
}

/** Only flags, lists and what has a default are always there. */
type Absent<One extends Option> = One extends
  | { readonly kind: 'flag' | 'list' }
  | { readonly default: string | number }
  ? never
  : undefined;

/**
 * The values of options.
 * @example type Shape = OptionsOf<typeof shapeOptions>; // { readonly depth: number, … }
 */
export type OptionsOf<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: Given[Specs[Name]['kind']] | Absent<Specs[Name]>;
};
