import { createHash } from 'node:crypto';

/** What is fetched, exactly: the TensorFlow release, its wheels, their files and their SHA-256. */
export const VERSION = '2.21.0';

export type Device = 'cpu' | 'gpu';

/** The shared libraries that the harness loads, in the order of loading. */
export const FRAMEWORK = 'libtensorflow_framework.so.2';
export const CC = 'libtensorflow_cc.so.2';

/** A file inside a wheel and what it must be once unpacked. */
export interface PinnedFile {
  /** Path inside the build's folder. */
  readonly name: string;
  /** Path inside the wheel. */
  readonly member: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A wheel of the Python package index. */
export interface Wheel {
  /** Name of the package, as pip takes it. */
  readonly distribution: string;
  readonly version: string;
  /** The tags that select this one file whatever Python runs pip. */
  readonly python: string;
  readonly abi: string;
  readonly platform: string;
  readonly bytes: number;
  readonly sha256: string;
  /** What is unpacked; the rest of the wheel is not needed. */
  readonly files: readonly PinnedFile[];
}

/** One build of libtensorflow: what a folder of the cache holds. */
export interface Build {
  readonly device: Device;
  /** Name of the folder in the cache. */
  readonly folder: string;
  /** Where in it the two libraries lie: '' or the name of a folder. */
  readonly libraries: string;
  /** Names under which pip installs the same files. */
  readonly distributions: readonly string[];
  readonly wheels: readonly Wheel[];
  /** Files to load before the two libraries, in this order. */
  readonly preload: readonly string[];
}

/** The files of a build, in the order of its digest. */
export function filesOf(build: Build): readonly PinnedFile[] {
  return build.wheels.flatMap(({ files }) => files);
}

/** SHA-256 over the lines `SHA256  NAME` of files. */
export function digestOf(files: readonly { readonly name: string; readonly sha256: string }[]) {
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}

export const CPU_BUILD: Build = {
  device: 'cpu',
  folder: `tensorflow-${VERSION}-cpu`,
  libraries: '',
  distributions: ['tensorflow-cpu', 'tensorflow'],
  preload: [],
  wheels: [
    {
      distribution: 'tensorflow-cpu',
      version: VERSION,
      python: '3.11',
      abi: 'cp311',
      platform: 'manylinux_2_27_x86_64',
      bytes: 273_829_956,
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      files: [
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
      ],
    },
  ],
};
