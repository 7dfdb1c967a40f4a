/** What is fetched, exactly: the TensorFlow release, its files and their SHA-256. */
export const VERSION = '2.21.0';

export type Device = 'cpu' | 'gpu';

/** The shared libraries that the harness loads, in the order of loading. */
export const FRAMEWORK = 'libtensorflow_framework.so.2';
export const CC = 'libtensorflow_cc.so.2';

/** A file inside a wheel and what it must be once unpacked. */
export interface PinnedFile {
  readonly name: string;
  /** Path inside the wheel. */
  readonly member: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The two libraries of the CPU wheel, in the order of loading. */
export const CPU_FILES: readonly PinnedFile[] = [
  {
    name: FRAMEWORK,
    member: `tensorflow/${FRAMEWORK}`,
    bytes: 65_222_328,
    sha256: 'f060b323b26ef80add21b9df9428de3aeaf2843d772c5bb098745f7abff3709b',
  },
  {
    name: CC,
    member: `tensorflow/${CC}`,
    bytes: 788_086_608,
    sha256: '6505a4b9657e62100c6bdacb683957a395cb047725042945aaa50e40a71e429e',
  },
];
