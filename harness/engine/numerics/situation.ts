import { native } from '../native/capi.ts';
import { fingerprint } from '../native/fingerprint.ts';
import { configProto } from '../server.ts';

/**
 * Variables that libtensorflow, its libraries or the loader of libraries may read; few are left once the library is
 * loaded. The last one is of `tools/cpuid`, under which a process sees another CPU than /proc shows.
 */
const READ =
  /^(TF_|ONEDNN_|DNNL_|XLA_|TF2_|MKL_|CUDNN_|CUBLAS_|NVIDIA_TF32|OMP_|GLIBC_|LD_AUDIT|LD_PRELOAD|CPUID_)/;

/**
 * Everything that might change what kernels give: more than does, as one id too many costs a probe, and one that
 * is wrong would call two platforms one.
 */
export function situation() {
  const environment = Object.entries(process.env).filter(([name]) => READ.test(name));
  return {
    library: native().library.sha256,
    fingerprint: { ...fingerprint() },
    session: configProto(0), // what TensorFlow's optimiser may do, and the lanes
    environment: environment.map(([name, value = '']) => [name, value]).sort(),
  };
}
