import { benchmarks } from '../../benchmarks/index.ts';
import { isBenchmark } from '../../harness/benchmark/experiment.ts';
import { verifyBenchmark } from '../../harness/benchmark/verify.ts';
import { readRecord } from '../../harness/record/record.ts';
import { type Verification, type VerifyOptions, verifyEpoch } from '../../harness/verify/verify.ts';
import { allMethods } from './subject.ts';

/** Runs an epoch of a training, or a unit of a benchmark, again. Throws as `verifyEpoch`. */
export async function verifyRun(options: Omit<VerifyOptions, 'methods'>): Promise<Verification> {
  return isBenchmark(readRecord(options.workDir).experiment)
    ? verifyBenchmark({ ...options, benchmarks })
    : verifyEpoch({ ...options, methods: allMethods });
}
