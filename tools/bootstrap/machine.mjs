const nodeMin = [20, 12];
/** uWebSockets.js is built for Node 20 against glibc 2.27 and for later ones against 2.38. */
const glibcMin = { node20: [2, 27], later: [2, 38] };

/** This machine, as far as it matters. */
export function describeMachine() {
  const glibc = process.platform === "linux" ? process.report?.getReport().header.glibcVersionRuntime : undefined;
  return { node: process.versions.node, platform: process.platform, glibc };
}

/** Why Tidewire does not run on `machine`, and what to install; undefined if it does. */
export function findMachineProblem(machine = describeMachine()) {
  const node = toNumbers(machine.node);
  if (isBelow(node, nodeMin)) {
    return `Tidewire needs Node.js ${nodeMin.join(".")} or later; this is ${machine.node}.
Install Node.js 20 from https://nodejs.org, or with a version manager: nvm install 20`;
  }
  if (machine.platform !== "linux") return undefined;
  if (!machine.glibc) {
    return "Tidewire needs a Linux with glibc, such as Debian; uWebSockets.js has no binaries for musl (Alpine).";
  }
  const needed = node[0] < 22 ? glibcMin.node20 : glibcMin.later;
  if (!isBelow(toNumbers(machine.glibc), needed)) return undefined;
  return `On Node.js ${machine.node}, uWebSockets.js needs glibc ${needed.join(".")} or later; this machine has ${machine.glibc}.
Use Node.js 20 here: nvm install 20`;
}

function toNumbers(version) {
  return version.split(".").map(Number);
}

function isBelow([major, minor], [majorMin, minorMin]) {
  return major < majorMin || (major === majorMin && minor < minorMin);
}
