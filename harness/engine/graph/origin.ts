/** Where something of a graph was made. */
interface Placed {
  readonly origin: Error;
  /** It belongs to the gradient of what was made there. */
  readonly gradient: boolean;
}

/** In place of where something was made, in a graph that nobody asks for it. */
export const NOWHERE = new Error('made nowhere');

/** The place of the call, for errors that come later. */
export function captureOrigin(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const origin = new Error();
  Error.stackTraceLimit = limit;
  return origin;
}

/** `at methods/moco.ts:41`: the first frame outside the engine and its packages. */
export function at(origin: Error): string {
  const frames = (origin.stack ?? '').split('\n').slice(1);
  const user = frames.find(
    (frame) => !/harness\/engine\/(?!.*\.test\.)|node_modules|node:|\/tfjs-core\/src\//.test(frame),
  );
  const place = /\(?((?:file:\/\/)?[^()\s]+:\d+:\d+)\)?$/.exec(user ?? frames.at(-1) ?? '')?.[1];
  return `at ${place?.replace(/^file:\/\//, '') ?? 'an unknown line'}`;
}

/** `was made at methods/moco.ts:41`, to stand after the name of the op. */
export function madeAt({ origin, gradient }: Placed): string {
  return gradient
    ? `belongs to the gradient of what was made ${at(origin)}`
    : `was made ${at(origin)}`;
}
