import type { RunRecord } from '../record/record.ts';
import type { Golden } from './golden_schema.ts';
import { bandVerdict } from './golden_verdict.ts';

/**
 * The golden of before there were ids that a run takes the place of, although it was made elsewhere: one whose every
 * state the run has, so that both train with the same bits; or one of a step that is computed in another way by now, so
 * that no machine meets it any more, if the run lies in its bands, as those do that differ in rounding alone.
 */
export function superseded(
  goldens: ReadonlyMap<string, Golden>,
  record: RunRecord,
): Golden | undefined {
  const states = ({ epochs }: RunRecord) => epochs.map(({ stateHash }) => stateHash).join();
  const former = [...goldens.values()].filter(
    ({ record: { numerics }, adopted }) => numerics === undefined && adopted === undefined,
  );
  return (
    former.find((golden) => states(golden.record) === states(record)) ??
    former.find(
      (golden) =>
        golden.bands !== undefined &&
        golden.record.graph !== record.graph &&
        bandVerdict(record, golden).pass,
    )
  );
}
