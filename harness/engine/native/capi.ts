import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import koffi from 'koffi';
import { UserError } from '../../base/errors.ts';
import { heldNumerics } from '../arithmetic.ts';
import type { Library } from '../library/index.ts';
import { checkMount } from '../library/mount.ts';
import { fixEnvironment } from './environment.ts';
import { type Memory, PORTABLE_ENVIRONMENT, pretendPlainCpu } from './portable.ts';

/** An address in libtensorflow: koffi hands pointers out as opaque values. */
export type Pointer = bigint & { readonly pointer: unique symbol };
/** One output of a graph operation. */
export interface Output {
  readonly oper: Pointer;
  readonly index: number;
}

type Foreign = ReturnType<ReturnType<typeof koffi.load>['func']>;

const RTLD_NOW = 2;
const RTLD_GLOBAL = 0x100;
// Without it Node unloads the library while its threads still run, and a finished run ends in SIGSEGV.
const RTLD_NODELETE = 0x1000;

const SIGNATURES = `
void* TF_NewStatus()
void TF_DeleteStatus(void* s)
int TF_GetCode(void* s)
const char* TF_Message(void* s)
const char* TF_Version()
void* TF_NewGraph()
void TF_DeleteGraph(void* g)
void* TF_NewOperation(void* g, const char* type, const char* name)
void TF_AddInput(void* d, TF_Output i)
void TF_AddInputList(void* d, TF_Output* i, int n)
void TF_AddControlInput(void* d, void* op)
void TF_SetDevice(void* d, const char* device)
void TF_SetAttrString(void* d, const char* n, const void* v, size_t l)
void TF_SetAttrInt(void* d, const char* n, int64_t v)
void TF_SetAttrIntList(void* d, const char* n, int64_t* v, int k)
void TF_SetAttrFloat(void* d, const char* n, float v)
void TF_SetAttrFloatList(void* d, const char* n, float* v, int k)
void TF_SetAttrBool(void* d, const char* n, uchar v)
void TF_SetAttrType(void* d, const char* n, int v)
void TF_SetAttrTypeList(void* d, const char* n, int* v, int k)
void TF_SetAttrShape(void* d, const char* n, int64_t* v, int k)
void TF_SetAttrTensor(void* d, const char* n, void* t, void* s)
void* TF_FinishOperation(void* d, void* s)
int TF_OperationNumOutputs(void* op)
int TF_OperationNumInputs(void* op)
TF_Output TF_OperationInput(TF_Output input)
int TF_OperationNumControlInputs(void* op)
int TF_OperationGetControlInputs(void* op, _Out_ uint64_t* inputs, int n)
int TF_OperationOutputType(TF_Output o)
int TF_OperationOutputNumConsumers(TF_Output o)
int TF_OperationOutputConsumers(TF_Output o, _Out_ uint64_t* inputs, int n)
int TF_GraphGetTensorNumDims(void* g, TF_Output o, void* s)
void TF_GraphGetTensorShape(void* g, TF_Output o, _Out_ int64_t* dims, int n, void* s)
void* TF_AllocateTensor(int dt, int64_t* dims, int nd, size_t len)
void* TF_TensorData(void* t)
size_t TF_TensorByteSize(void* t)
int TF_NumDims(void* t)
int64_t TF_Dim(void* t, int i)
int TF_TensorType(void* t)
void TF_DeleteTensor(void* t)
void* TF_NewSessionOptions()
void TF_DeleteSessionOptions(void* o)
void TF_SetTarget(void* o, const char* target)
void TF_SetConfig(void* o, void* p, size_t n, void* s)
void* TF_NewSession(void* g, void* o, void* s)
void TF_CloseSession(void* session, void* s)
void TF_DeleteSession(void* session, void* s)
void TF_SessionRun(void* session, void* ro, TF_Output* i, void** iv, int ni, TF_Output* o, _Out_ void** ov, int no, void** t, int nt, void* md, void* s)
void* TF_SessionListDevices(void* session, void* s)
uint64_t TF_DeviceListIncarnation(void* l, int i, void* s)
void TF_DeleteDeviceList(void* l)
void* TF_NewServer(const void* proto, size_t n, void* s)
void TF_ServerStart(void* server, void* s)
const char* TF_ServerTarget(void* server)
void TF_UpdateEdge(void* g, TF_Output source, TF_Output target, void* s)
void* TF_NewBuffer()
void* TF_NewBufferFromString(const void* p, size_t n)
void TF_DeleteBuffer(void* b)
void* TF_GetAllOpList()
void* TF_GraphToFunction(void* g, const char* name, uchar hash, int nops, void* ops, int ni, TF_Output* i, int no, TF_Output* o, void* names, void* options, const char* description, void* s)
void TF_GraphCopyFunction(void* g, void* f, void* gradient, void* s)
void TF_DeleteFunction(void* f)
void TF_GraphToGraphDef(void* g, void* b, void* s)
`;

/** The functions above, each callable, with `.async` to run on a worker thread. */
export type CApi = Readonly<Record<string, Foreign>>;

export interface Native {
  readonly api: CApi;
  /** Copies `n` bytes between raw memory and typed arrays. */
  readonly memcpy: Foreign;
  /** malloc_trim: gives free memory back to the kernel. */
  readonly trim: Foreign;
  /** The processors that the calling thread, and threads it starts, may use: a cpu_set_t. */
  readonly affinity: { readonly read: Foreign; readonly write: Foreign };
  readonly library: Library;
  /** Variables taken out of the environment before loading. */
  readonly removedVariables: readonly string[];
}

let loaded: Native | undefined;

/** The loaded library. @throws when `loadNative` was not called first. */
export function native(): Native {
  if (loaded === undefined)
    throw new Error('engine: libtensorflow is not loaded; call await startEngine() first');
  return loaded;
}

/** Whether ops run on the CPU: some are put together for its kernels. */
export function onCpu(): boolean {
  return native().library.device === 'cpu';
}

/** The library that this process computes with; undefined before `loadNative`. */
export function loadedLibrary(): Library | undefined {
  return loaded?.library;
}

/** Loads the library once a process; later calls return the first one. */
export function loadNative(library: Library): Native {
  loaded ??= load(library);
  return loaded;
}

function load(library: Library): Native {
  const portable = heldNumerics() === 'portable';
  const removedVariables = fixEnvironment(process.env, portable ? PORTABLE_ENVIRONMENT : {});
  const libc = koffi.load('libc.so.6');
  keepFreedMemory(libc);
  const dlopen = libc.func('void* dlopen(const char* path, int flags)');
  const dlerror = libc.func('const char* dlerror()');
  const open = (path: string) => {
    if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE)) {
      const reason = dlerror();
      checkMount(path);
      throw new UserError(
        `engine: the system's loader refuses ${path}: ${reason}; docs/setup.md says what libtensorflow needs`,
      );
    }
    return koffi.load(path, { global: true });
  };
  const { framework, cc } = withoutStderr(libc, () => {
    for (const path of library.preload) open(path);
    return { framework: open(library.framework), cc: open(library.cc) };
  });
  silence(framework);
  koffi.struct('TF_Output', { oper: 'void*', index: 'int' });
  const api = bind(cc, framework);
  const version: unknown = api.TF_Version?.();
  if (version !== library.version)
    throw new UserError(
      `engine: ${library.cc} is TensorFlow ${version}, expected ${library.version}; unset REPRISE_TENSORFLOW_DIR, or name a folder with that version`,
    );
  const memcpy = libc.func('void* memcpy(void* target, const void* source, size_t n)');
  if (portable) pretendPlainCpu(library, memoryOf(library, libc, memcpy));
  const trim = libc.func('int malloc_trim(size_t pad)');
  const affinity = {
    read: libc.func('int sched_getaffinity(int thread, size_t bytes, _Out_ uint8_t* mask)'),
    write: libc.func('int sched_setaffinity(int thread, size_t bytes, const uint8_t* mask)'),
  };
  return { api, memcpy, trim, affinity, library, removedVariables };
}

/** Memory of this process where the library lies. */
function memoryOf(library: Library, libc: ReturnType<typeof koffi.load>, memcpy: Foreign): Memory {
  const dlopen = libc.func('void* dlopen(const char* path, int flags)');
  const dlsym = libc.func('void* dlsym(void* handle, const char* name)');
  return {
    baseOf: (file, symbol, offset) =>
      BigInt(dlsym(dlopen(library[file], RTLD_NOW), symbol) ?? 0) - BigInt(offset),
    read: (address, bytes) => {
      const data = new Uint8Array(bytes);
      memcpy(data, address, bytes);
      return data;
    },
    write: (address, data) => void memcpy(address, data, data.byteLength),
  };
}

function bind(...libraries: readonly ReturnType<typeof koffi.load>[]): CApi {
  const api: Record<string, Foreign> = {};
  for (const signature of SIGNATURES.trim().split('\n')) {
    const name = /(TF_\w+)\s*\(/.exec(signature)?.[1] ?? '';
    for (const library of libraries) {
      try {
        api[name] ??= library.func(signature);
      } catch {
        // Symbols are spread over two libraries; a name missing from both is reported below.
      }
    }
    if (api[name] === undefined) throw new Error(`engine: libtensorflow has no function ${name}`);
  }
  return api;
}

/**
 * Loading prints notices before any setting could stop them. What goes wrong comes from `dlerror`, so
 * nothing is lost.
 */
function withoutStderr<T>(libc: ReturnType<typeof koffi.load>, body: () => T): T {
  const dup = libc.func('int dup(int fd)');
  const dup2 = libc.func('int dup2(int from, int to)');
  const kept: unknown = dup(2);
  const nowhere = openSync('/dev/null', 'w');
  dup2(nowhere, 2);
  try {
    return body();
  } finally {
    dup2(kept, 2);
    closeSync(nowhere);
    closeSync(Number(kept));
  }
}

/** The threshold of 2 keeps errors only. */
function silence(framework: ReturnType<typeof koffi.load>): void {
  try {
    framework.func('void _ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE(int)')(2);
  } catch {
    // Another build of abseil: its chatter on stderr is harmless.
  }
}

/**
 * glibc gives blocks above 128 KiB back to the kernel at once, and a step pays page faults for every
 * activation again. Keeping them saves that; peak memory is unchanged, as the next step needs it.
 */
function keepFreedMemory(libc: ReturnType<typeof koffi.load>): void {
  const M_TRIM_THRESHOLD = -1;
  const M_MMAP_THRESHOLD = -3;
  const mallopt = libc.func('int mallopt(int parameter, int value)');
  mallopt(M_MMAP_THRESHOLD, 0x7fff_ffff);
  mallopt(M_TRIM_THRESHOLD, 0x7fff_ffff);
}

/** CommonJS `require` for packages that must be patched before they load. */
export const require = createRequire(import.meta.url);
