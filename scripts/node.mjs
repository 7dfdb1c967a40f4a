/** The oldest Node that everything works on; `engines` of package.json says the same. */
const OLDEST = [20, 19];

/** What to tell somebody whose Node is too old; undefined where it is not. */
export function nodeProblem(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `this is Node ${version}, and Reprise needs ${OLDEST.join('.')} or newer; install Node 22 or 24 (nodejs.org, nvm or your distribution)`;
}

// Imported before anything else, so that an old Node says this and not what it fails at first.
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
