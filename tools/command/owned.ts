import type { ChildProcess } from 'node:child_process';

/** Ends a child with this process, where that is told to end or fails while the child is at work. */
export function owned<Child extends ChildProcess>(child: Child): Child {
  const kill = () => child.kill('SIGKILL');
  process.prependListener('exit', kill); // before its folder is removed
  child.once('close', () => process.off('exit', kill));
  return child;
}
