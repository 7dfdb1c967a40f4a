/**
 * What libtensorflow finds out about the CPU once and keeps: oneDNN in an object of Xbyak's class
 * `util::Cpu`; Eigen in a static of `manage_caching_sizes`, of which each of the two libraries has its
 * own; TensorFlow's own ops in `cache_sizes`, one for each source file, by which a matrix product that
 * fits into the second cache runs on one thread. Addresses are of one build; `portable_tables.test.ts` holds them to its symbol tables.
 */
export interface Table {
  /** The variable, as the linker names it; its guard's name is that with `GV` for the first `Z`. */
  readonly name: string;
  readonly file: 'cc' | 'framework';
  /** Bytes of the library's code, hexadecimal, that use it: they hold its address and its guard's. */
  readonly code?: { readonly at: number; readonly bytes: string };
  readonly at: number;
  /** The byte that says whether it was made; nothing for one that is made as the library loads. */
  readonly guard?: number;
  readonly content: Uint8Array;
}

/** A build of libtensorflow whose tables are known. */
export interface Build {
  /** A function of each file that others may call, and where it lies: it tells where the file is. */
  readonly anchors: Readonly<Record<Table['file'], { symbol: string; offset: number }>>;
  readonly tables: readonly Table[];
}

const KIB = 1024;

/**
 * The plain CPU: a Zen 4 (AMD family 25, model 17) that has nothing beyond x86-64-v3. So what it
 * computes can be checked on that CPU under `ONEDNN_MAX_CPU_ISA=AVX2` without any of this.
 */
const PLAIN = { l1: 32 * KIB, l2: 1024 * KIB, l3: 32 * KIB * KIB, coresOfL3: 8 } as const;

// Xbyak's numbers of: cmov, MMX, SSE to SSE4.2, POPCNT, OSXSAVE, AVX, FMA, AVX2, BMI1, BMI2, LZCNT, AMD.
const LOW = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 20, 21, 22, 23, 25];
const HIGH = [33, 34]; // F16C, MOVBE

const bits = (numbers: readonly number[]) => numbers.reduce((set, n) => set | (1 << (n % 32)), 0);
const ten = (...values: number[]) => Array.from({ length: 10 }, (_, i) => values[i] ?? 0);

/** Xbyak::util::Cpu, 144 bytes of 32-bit words. */
function xbyakCpu(): Uint8Array {
  const { l1, l2, l3, coresOfL3 } = PLAIN;
  const words = [
    ...[bits(LOW), bits(HIGH), 0, 0], // instruction sets
    ...[1, 1, 2], // topology is told; threads a core, threads in all
    ...ten(l1, l2, l3), // bytes of data caches
    ...ten(1, 1, coresOfL3), // cores that share each
    ...[3, 0], // levels of them; version of AVX10
    ...[1, 15, 1, 1, 10, 25, 17], // model, family, stepping; their extensions; family and model together
  ];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function eigenSizes(): Uint8Array {
  return new Uint8Array(BigInt64Array.from([PLAIN.l1, PLAIN.l2, PLAIN.l3].map(BigInt)).buffer);
}

const TENSORFLOW = '_ZN10tensorflowL11cache_sizesE';
const EIGEN = '_ZZN5Eigen8internal20manage_caching_sizesENS_6ActionEPlS2_S2_E12m_cacheSizes';

/** By SHA-256 of the build, as `Library.sha256`. */
export const BUILDS: Readonly<Record<string, Build>> = {
  eb0815336180d459091f7a5d657a6665910ca532e3f448e9f45066941522c93a: {
    anchors: {
      cc: { symbol: 'TF_NewServer', offset: 0x1d4aed90 },
      framework: { symbol: 'TF_NewStatus', offset: 0x17b2c20 },
    },
    tables: [
      {
        name: '_ZZN4dnnl4impl3cpu3x643cpuEvE4cpu_',
        file: 'cc',
        code: {
          at: 0x13f8b5f0, // dnnl::impl::cpu::x64::cpu()
          bytes:
            '554889e55350488d051bacc90e0fb60084c0740e488d057dabc90e4883c4085b5dc3488d3dffabc90e' +
            'e8f2851f0e85c074e2488d3d5fabc90ee832000000488d3de3abc90e',
        },
        at: 0x22c26188,
        guard: 0x22c26218,
        content: xbyakCpu(),
      },
      {
        name: EIGEN,
        file: 'cc',
        code: {
          at: 0x11386ec4, // in evaluateProductBlockingSizesHeuristic<float, float, 4>
          bytes: '488d05556889110fb60084c00f8450040000488d052b688911488b384c8b600848',
        },
        at: 0x22c1d708,
        guard: 0x22c1d720,
        content: eigenSizes(),
      },
      {
        name: TENSORFLOW,
        file: 'cc',
        code: {
          at: 0x1350e098, // where mkl_matmul_op.cc fills it
          bytes:
            '8b45e885c0b9008000000f4fc84863c1488905594b710f8b45e485c0b9000004000f4fc84863c148' +
            '89054a4b710f',
        },
        at: 0x22c22c08,
        content: eigenSizes(),
      },
      {
        name: TENSORFLOW,
        file: 'cc',
        code: {
          at: 0x137a6908, // where mkl_matmul_op_fused.cc fills it
          bytes:
            '8b45e885c0b9008000000f4fc84863c148890541c3470f8b45e485c0b9000004000f4fc84863c148' +
            '890532c3470f',
        },
        at: 0x22c22c60,
        content: eigenSizes(),
      },
      {
        name: TENSORFLOW,
        file: 'cc',
        code: {
          at: 0x137b2a68, // where mkl_sparse_matrix_matmul_op.cc fills it
          bytes:
            '8b45e085c0b9008000000f4fc84863c1488905c903470f8b45ec85c0b9000004000f4fc84863c148' +
            '8905ba03470f',
        },
        at: 0x22c22e48,
        content: eigenSizes(),
      },
      { name: EIGEN, file: 'framework', at: 0x3100c28, guard: 0x3100c40, content: eigenSizes() },
    ],
  },
};
