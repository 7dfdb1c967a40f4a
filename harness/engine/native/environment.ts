/**
 * The process environment is fixed before libtensorflow loads, so that a variable left over in a
 * shell can never change a result bit. Source: docs/reference/engine.md, "Determinism of ops".
 */

/** Set for every run: silence start-up chatter, oneDNN on, deterministic kernels on a GPU. */
const FIXED: Readonly<Record<string, string>> = {
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_ENABLE_ONEDNN_OPTS: '1',
  TF_DETERMINISTIC_OPS: '1',
  TF_CUDNN_DETERMINISTIC: '1',
  TF_CUDNN_USE_AUTOTUNE: '0',
  CUBLAS_WORKSPACE_CONFIG: ':4096:8',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
};

/** Left as the user set them: they change speed or output on stderr, or are in the fingerprint. */
const KEPT: ReadonlySet<string> = new Set(['ONEDNN_MAX_CPU_ISA', 'ONEDNN_VERBOSE']);

/** Prefixes of variables that libtensorflow and its libraries read. */
const OWNED = /^(TF_|ONEDNN_|DNNL_|XLA_|TF2_|MKL_|CUDNN_|CUBLAS_|NVIDIA_TF32)/;

/**
 * Removes every variable that could steer libtensorflow and sets the fixed ones.
 * @param more to set besides, whatever the user set
 * @returns the names of the variables that were removed, sorted, for the log.
 */
export function fixEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  more: Readonly<Record<string, string>> = {},
): readonly string[] {
  const fixed: Readonly<Record<string, string>> = { ...FIXED, ...more };
  const kept = (name: string) => env[name] === fixed[name] || (KEPT.has(name) && !(name in more));
  const removed = Object.keys(env)
    .filter((name) => OWNED.test(name) && !kept(name))
    .sort();
  for (const name of removed) delete env[name];
  Object.assign(env, fixed);
  env.NVIDIA_TF32_OVERRIDE = '0';
  return removed;
}
