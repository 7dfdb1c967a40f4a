/**
 * Thrown out of work between steps when the run is told to stop, or when an image cannot be read, which is the cause
 * then; the state is as it was before.
 */
export class Stopped extends Error {}
