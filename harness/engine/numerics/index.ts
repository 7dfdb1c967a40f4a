/** What a platform is called by: what it computes. */
export { idsOf, type NumericsIds, numericsIds } from './ids.ts';
export { type ProbeOptions, type ProbeResult, probe } from './probe.ts';
