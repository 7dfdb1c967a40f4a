import type { Metrics } from '../experiment/index.ts';
import type { Terminal } from '../log/progress.ts';
import type { RunRecord } from '../record/record.ts';
import type { Cluster } from '../run/cluster.ts';
import type { BenchmarkExperiment } from './experiment.ts';
import type { Benchmarks } from './registry.ts';
import type { OpenedWeights } from './weights.ts';

export interface BenchmarkOptions {
  readonly experiment: BenchmarkExperiment;
  /** By `kind`. */
  readonly benchmarks: Benchmarks;
  /** What the experiment names by hash; absent for `random`. */
  readonly weights?: OpenedWeights | undefined;
  /** The folder that paths of data sources start from. */
  readonly data: string;
  readonly workDir: string;
  /** Where features are kept; in `workDir` by default. Runs on the same images may share it. */
  readonly features?: string | undefined;
  /** `auto`: goes on with what `workDir` has. */
  readonly resumeFrom?: string | undefined;
  /** Processes or threads that prepare data. Never changes a result bit. */
  readonly workers?: number | undefined;
  /** Threads that compute; default: all cores. Never changes a result bit. */
  readonly threads?: number | undefined;
  /** Stops soon; what is finished stays. */
  readonly signal?: AbortSignal | undefined;
  /** Of a protocol that trains: replicas one after another, in the memory of one. Never changes a result bit. */
  readonly sequential?: boolean | undefined;
  /** Of a protocol that trains: this process is the first of several. Never changes a result bit. */
  readonly cluster?: Cluster | undefined;
  /** Processes of the run that share the cores of this one. */
  readonly processesHere?: number | undefined;
  readonly terminal?: Terminal | undefined;
  /** Moves every weight by one unit in the last place, to measure a golden's band. */
  readonly perturbation?: number | undefined;
  /** Of a protocol that trains: the experiments to run of those that it has; all by default. */
  readonly cells?: readonly string[] | undefined;
  /** Also draws what was judged, into `pictures` of the work directory. */
  readonly pictures?: boolean | undefined;
  /** Stops after this many units; the run can be resumed. */
  readonly stopAfterUnit?: number | undefined;
}

export interface BenchmarkResult {
  readonly record: RunRecord;
  readonly workDir: string;
  readonly finished: boolean;
  /** What stands in tables; of a grid, of the cells that are there. Undefined while nothing can be said. */
  readonly summary: Metrics | undefined;
  /** Pages that were written besides the record, by their path in `workDir`. */
  readonly pages?: readonly string[];
}
