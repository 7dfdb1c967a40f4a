/** The oldest Node that everything works on; `engines` of package.json says the same. */
const OLDEST = [20, 19];

/** What to tell somebody whose Node is too old; undefined where it is not. */
export function nodeProblem(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `this is Node ${version}, and Reprise needs ${OLDEST.join('.')} or newer; install Node 22 or 24 (nodejs.org, nvm or your distribution)`;
}

/** What to tell somebody whose packages cannot be loaded; undefined for an error of any other kind. */
export function packagesProblem(error, root) {
  const text = String(error?.message);
  if (/spawn .*esbuild.* EACCES|failed to map segment from shared object/.test(text))
    return `programs and libraries of the packages in ${root} may not be run; if its disk is mounted noexec, move the checkout or remount the disk with exec, otherwise run \`npm ci\` there`;
  if (/native Koffi module|esbuild.* (another platform|could not be found)/.test(text))
    return `the packages in ${root} are not those for ${process.platform} on ${process.arch}; run \`npm ci\` there`;
  return undefined;
}

// Imported before anything else, so that an old Node says this and not what it fails at first.
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
