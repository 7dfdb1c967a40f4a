import { type Build, CC, FRAMEWORK, VERSION, type Wheel } from './pins.ts';

/** File name, bytes and SHA-256. */
type Entry = readonly [string, number, string];

interface NvidiaWheel {
  readonly name: string;
  /** Folder below `nvidia`. */
  readonly folder: string;
  readonly version: string;
  readonly platform: string;
  readonly bytes: number;
  readonly sha256: string;
}

function nvidia(wheel: NvidiaWheel, entries: readonly Entry[]): Wheel {
  const { name, folder, version, platform, bytes, sha256 } = wheel;
  const distribution = `nvidia-${name}-cu12`;
  const tags = { python: '3.11', abi: 'none', platform };
  return {
    distribution,
    version,
    ...tags,
    bytes,
    sha256,
    files: unpacked(`nvidia/${folder}/lib`, entries),
  };
}

function unpacked(folder: string, entries: readonly Entry[]) {
  return entries.map(([file, bytes, sha256]) => {
    const member = `${folder}/${file}`;
    return { name: member, member, bytes, sha256 };
  });
}

/**
 * What `tensorflow[and-cuda]==2.21.0` resolves to, less what libtensorflow never loads (curand,
 * the CUDA compiler, companions of the listed files). In the order of loading.
 */
const NVIDIA_WHEELS: readonly Wheel[] = [
  nvidia(
    {
      name: 'cuda-runtime',
      folder: 'cuda_runtime',
      version: '12.9.79',
      platform: 'manylinux2014_x86_64',
      bytes: 3_493_179,
      sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
    },
    [
      [
        'libcudart.so.12',
        741_088,
        '256e6409e4f06f618e1fb53d4844a6b81cdded1013afa8ade40c22f99eb133b7',
      ],
    ],
  ),
  nvidia(
    {
      name: 'nvjitlink',
      folder: 'nvjitlink',
      version: '12.9.86',
      platform: 'manylinux2010_x86_64',
      bytes: 39_748_338,
      sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
    },
    [
      [
        'libnvJitLink.so.12',
        95_935_344,
        '02d3acb5fe598dd20f0fca3cc03734ad164037a22747a01900561a42d0b8448f',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cuda-nvrtc',
      folder: 'cuda_nvrtc',
      version: '12.9.86',
      platform: 'manylinux2010_x86_64',
      bytes: 89_568_129,
      sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
    },
    [
      [
        'libnvrtc-builtins.so.12.9',
        7_202_760,
        '6507cf33450cfb22970c2c1e7aa8e7c0a33e39d864720277b05f61a92791e2e8',
      ],
      [
        'libnvrtc.so.12',
        106_244_480,
        '7c67c6b51ea0e0279634cebd676ff7efda1674806444520c84430ad5c35fe625',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cublas',
      folder: 'cublas',
      version: '12.9.3.13',
      platform: 'manylinux_2_27_x86_64',
      bytes: 581_217_458,
      sha256: 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
    },
    [
      [
        'libcublasLt.so.12',
        749_169_616,
        'fbbf5c66fcc42c4eb6e56a7cb40be3936edbf0d08e757761e95c84afb9606cb6',
      ],
      [
        'libcublas.so.12',
        105_140_976,
        '9b6997d8ac06badb59b90fd08cb89b1f807576306f6b0d762f3e72000b69d260',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cufft',
      folder: 'cufft',
      version: '11.4.1.4',
      platform: 'manylinux2014_x86_64',
      bytes: 200_877_592,
      sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
    },
    [
      [
        'libcufft.so.11',
        291_507_928,
        'e1d65ebd08895f9d9883f848f3974f89e0130416252477b18835ba7f15d159bc',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cusparse',
      folder: 'cusparse',
      version: '12.5.10.65',
      platform: 'manylinux2014_x86_64',
      bytes: 366_465_088,
      sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
    },
    [
      [
        'libcusparse.so.12',
        486_556_368,
        '6d85ab1acdabfe3b5a54aa76bc948c719bcd03e07eede3eb8122b083c1a6ecf7',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cusolver',
      folder: 'cusolver',
      version: '11.7.5.82',
      platform: 'manylinux_2_27_x86_64',
      bytes: 338_117_415,
      sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
    },
    [
      [
        'libcusolver.so.11',
        302_024_152,
        '30a1fe2fe22dad7141afaa2878fb6e9d7360b016e164d2153e1f31a46f2a9833',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cudnn',
      folder: 'cudnn',
      version: '9.28.0.42',
      platform: 'manylinux_2_27_x86_64',
      bytes: 716_538_495,
      sha256: '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
    },
    [
      [
        'libcudnn.so.9',
        137_432,
        '727cf38cefa39f745dee3caa207395163a86e8fafdb47e3af6d185fdd67858d4',
      ],
      [
        'libcudnn_adv.so.9',
        232_904_280,
        'd7a4f6de7c83eb39506d424cf8f1a6f3715faeee2320f2cc03498c9dcc10283b',
      ],
      [
        'libcudnn_cnn.so.9',
        4_203_992,
        '5bccc296c64d21ef9326c70ccdcf01b149122dd242ec80a2d3bdc2a4389879ad',
      ],
      [
        'libcudnn_engines_precompiled.so.9',
        559_964_512,
        '9a9bbe2c9d4be6c324760199f667fa84a2a9a2d66820b8ca55844b9da235e837',
      ],
      [
        'libcudnn_engines_runtime_compiled.so.9',
        48_269_792,
        '8b49b082768bda0ac9f2465c235331e727682f92139ad41f15276b81f20f0f96',
      ],
      [
        'libcudnn_engines_tensor_ir.so.9',
        2_099_128,
        '78aa90a0543dd7b097701708f28981657ad04b95d3cac387fed960765404985e',
      ],
      [
        'libcudnn_ext.so.9',
        10_492_448,
        '7614a9e626eeeacbcfc8aa6633700e3cd4321e18497447825172d2d21f0b0e6f',
      ],
      [
        'libcudnn_graph.so.9',
        115_563_344,
        'd56ec4d0cc21836e0138e4e75dcf6a1e589687675e9d6da0d006936ef7169078',
      ],
      [
        'libcudnn_heuristic.so.9',
        96_473_944,
        'ab31bec932bc0b37431dfed946ec4c373441e0d5a62ad477e6cd19fc805e7577',
      ],
      [
        'libcudnn_ops.so.9',
        92_284_600,
        'fbc82ffd752ec10601b2001226dee311b7ddd034c93a30c3536f2bbd19361b0c',
      ],
    ],
  ),
  nvidia(
    {
      name: 'nccl',
      folder: 'nccl',
      version: '2.32.3',
      platform: 'manylinux_2_27_x86_64',
      bytes: 351_526_311,
      sha256: 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
    },
    [
      [
        'libnccl.so.2',
        473_614_536,
        'a23d2e3e47ad7f8987ac73eb04a373d6d40cfbb3a7a5bf41a9e0e8434817559b',
      ],
    ],
  ),
  nvidia(
    {
      name: 'cuda-cupti',
      folder: 'cuda_cupti',
      version: '12.8.90',
      platform: 'manylinux2014_x86_64',
      bytes: 10_248_621,
      sha256: 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
    },
    [
      [
        'libcupti.so.12',
        7_595_792,
        'fccdc5fcc7c32f8cf4b3ed9b17f7f187a185a6fa0a5bcc06e3434cbd1687c808',
      ],
    ],
  ),
];

/** Loaded by cuDNN itself when a layer needs them, from beside it. */
const ON_DEMAND = /cudnn_|nvrtc-builtins/;

/**
 * The GPU build: laid out as pip installs it, as the libraries look for each other by relative
 * paths. What has been run of it is in docs/setup.md.
 */
export const GPU_BUILD: Build = {
  device: 'gpu',
  folder: `tensorflow-${VERSION}-gpu`,
  libraries: 'tensorflow',
  distributions: ['tensorflow'],
  preload: NVIDIA_WHEELS.flatMap(({ files }) => files.map(({ name }) => name)).filter(
    (name) => !ON_DEMAND.test(name),
  ),
  wheels: [
    {
      distribution: 'tensorflow',
      version: VERSION,
      python: '3.11',
      abi: 'cp311',
      platform: 'manylinux_2_27_x86_64',
      bytes: 572_440_367,
      sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      files: unpacked('tensorflow', [
        [
          FRAMEWORK,
          162_648_808,
          '98847c6f0448308159f6d3ff55e13a9e92978598c7fbb34cde63aadf35c6fe84',
        ],
        [CC, 1_096_372_272, '2889ecc99d7641620f41a4bea538f4dd4b626f75aa3e12623161ae939054191c'],
      ]),
    },
    ...NVIDIA_WHEELS,
  ],
};
