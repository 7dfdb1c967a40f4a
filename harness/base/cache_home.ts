import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where a user's caches lie: `XDG_CACHE_HOME`, of which a relative one is to be ignored (XDG Base Directory
 * Specification), else `~/.cache`. Undefined for a user without a home directory, e.g. a number in a container.
 */
export function cacheHome(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const { XDG_CACHE_HOME: home } = environment;
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    const own = homedir(); // the value of HOME, also of an empty one
    return isAbsolute(own) ? join(own, '.cache') : undefined;
  } catch {
    return undefined; // neither HOME nor an entry in the user database
  }
}
