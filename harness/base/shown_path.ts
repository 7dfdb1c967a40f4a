/** A path with what a terminal would not show written out. */
export function shownPath(path: string): string {
  return path.replace(
    /\p{Cc}/gu,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
