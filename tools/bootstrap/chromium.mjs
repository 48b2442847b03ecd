import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { canInstall, install } from "./apt.mjs";
import { root, say } from "./shell.mjs";

/**
 * Tests in test/browser/ look at pages in a real Chromium. Installs it where that is our business and one of them is about to run;
 * where it cannot be had, only those fail, and say what to install.
 */
export async function ensureChromium(parts) {
  if (!isBrowserWanted(parts)) return;
  const harness = pathToFileURL(join(root, "dist/test/support/chromium-binary.js")).href;
  const { findChromium } = await import(harness);
  if (findChromium() !== undefined || !canInstall()) return;
  const { code, output } = await install("chromium");
  if (code !== 0) say(`${output}\napt-get could not install chromium (${code}).`);
}

/** `npm test` runs all files, or those whose path has one of `parts` in it. */
function isBrowserWanted(parts) {
  const folder = join(root, "dist/test/browser");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".test.js")) : [];
  const paths = files.map((name) => `test/browser/${name.replace(/\.js$/, ".ts")}`);
  return paths.some((path) => parts.length === 0 || parts.some((part) => path.includes(part)));
}
