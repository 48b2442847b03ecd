import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../test/support/project-root.js";
import { type Html, html, trusted } from "./html.js";

/** What goes into every page, so that it needs nothing else. */
export type Assets = Readonly<{ styles: Html; scripts: Html; policy: string }>;

/** @throws Error if uPlot is not installed. */
export function readAssets(): Assets {
  const styles = ["node_modules/uplot/dist/uPlot.min.css", "tools/bench/page/page.css"].map(read);
  const scripts = ["node_modules/uplot/dist/uPlot.iife.min.js", "tools/bench/page/plots.js"].map(read);
  return {
    styles: html`<style>${styles.map(trusted)}</style>`,
    scripts: html`${scripts.map((script) => html`<script>${trusted(script)}</script>`)}`,
    policy: toPolicy(scripts),
  };
}

function read(path: string): string {
  return readFileSync(join(projectRoot, path), "utf8");
}

/** Nothing is loaded, and no script runs but these: should markup ever slip in with a result, it stays dead. */
function toPolicy(scripts: readonly string[]): string {
  const hashes = scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  return `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${hashes.join(" ")}`;
}
