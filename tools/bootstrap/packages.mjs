import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fail, root, run, say } from "./shell.mjs";

/** Installs what package-lock.json names if that is not what lies in node_modules. */
export async function ensurePackages() {
  const wanted = readJson("package-lock.json");
  if (!wanted) fail("package-lock.json is missing: this is not a whole clone of Tidewire.");
  const installed = readJson("node_modules/.package-lock.json");
  if (!installed || !isInstalled(wanted, installed)) await install();
  linkCommand();
  const binary = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  if (!existsSync(join(root, "node_modules/uWebSockets.js", binary))) {
    fail(`uWebSockets.js has no binary for Node.js ${process.versions.node} on ${process.platform} ${process.arch}.
Use Node.js 20, 22 or 24, on Linux, macOS or Windows.`);
  }
}

/**
 * Whether the lock file that npm keeps inside node_modules agrees with ours. npm writes it last, so an install that was
 * interrupted leaves none. Optional packages, such as those of other platforms, may be missing.
 */
export function isInstalled(wanted, installed) {
  return Object.entries(wanted.packages).every(([path, { version, optional, link }]) => {
    const there = installed.packages[path];
    if (there === undefined) return path === "" || optional === true || link === true || !path.includes("node_modules");
    return there.version === version;
  });
}

async function install() {
  say("Installing packages into node_modules: about 600 MB, as uWebSockets.js brings its binaries for every platform.");
  // None of our packages needs its install script to run.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const tick = (seconds) => say(`  … ${seconds} s`);
  const npmCli = process.env.npm_execpath;
  const isNpm = npmCli !== undefined && /npm-cli\.[cm]?js$/.test(npmCli);
  const [program, before] = isNpm ? [process.execPath, [npmCli]] : ["npm", []];
  const { code, output } = await run(program, [...before, ...args], { tick });
  if (code === 0) return;
  fail(`${output}
npm ci failed (${code}). Check that the npm registry can be reached and that 1 GB of disk is free, then try again.`);
}

/** npm links the commands of packages, but not a project's own: without this, `npx tidewire` would ask the registry. */
function linkCommand() {
  if (process.platform === "win32") return;
  const link = join(root, "node_modules/.bin/tidewire");
  if (lstatSync(link, { throwIfNoEntry: false })) return;
  mkdirSync(join(root, "node_modules/.bin"), { recursive: true });
  try {
    symlinkSync("../../tools/tidewire.mjs", link);
  } catch (error) {
    if (error.code !== "EEXIST") throw error; // another command, begun at the same time, was faster
  }
}

function readJson(path) {
  const full = join(root, path);
  return existsSync(full) ? JSON.parse(readFileSync(full, "utf8")) : undefined;
}
