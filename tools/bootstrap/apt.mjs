import { existsSync } from "node:fs";
import { run, say } from "./shell.mjs";

/** Whether we may install packages of Debian or Ubuntu. */
export function canInstall() {
  return process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}

/** Installs a package and resolves with apt-get's exit code and all it has written. */
export async function install(name) {
  say(`Installing ${name} for the tests: apt-get install ${name}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", UCF_FORCE_CONFFOLD: "1" };
  const tick = (seconds) => say(`  … ${seconds} s`);
  await run("apt-get", ["update"], { env, tick }); // its failure need not matter: the lists may be fresh enough
  return run("apt-get", ["install", "-y", "--no-install-recommends", name], { env, tick });
}
