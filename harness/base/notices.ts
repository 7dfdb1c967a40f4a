type Hear = (message: string) => void;

const said = new Set<string>();
const toTerminal: Hear = (message) => process.stderr.write(`warning: ${message}\n`);
let hear = toTerminal;

/**
 * Says once a process that something works less well here than elsewhere, e.g. on a file system that lacks a call.
 * @param about what of it is said only once
 */
export function noticeOnce(about: string, message: string): void {
  if (said.has(about)) return;
  said.add(about);
  hear(message);
}

/** Takes what is noticed from here on, e.g. for a log; stderr by default. @returns gives it back */
export function hearNotices(listener: Hear): () => void {
  const before = hear;
  hear = listener;
  return () => {
    hear = before;
  };
}
