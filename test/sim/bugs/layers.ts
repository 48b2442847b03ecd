import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { runTestFile } from "../../../tools/verify/test-file.js";
import type { Catcher } from "./bug.js";
import type { HuntLine } from "./hunt-line.js";

/** What a layer of proof says about a tree. */
export type LayerResult =
  | { kind: "green" }
  /** @property seeds how many the simulator needed; undefined for tests */
  | { kind: "red"; by: string; seeds: number | undefined };

/** A built tree, and who may stop what runs in it. */
export type LayerOptions = Readonly<{ folder: string; firstSeed: number; signal: AbortSignal }>;

/** A test file that takes longer hangs. */
const fileTimeoutMs = 300_000;
/** A simulator that is silent for so long is caught in one seed for ever. */
const silenceMaxMs = 60_000;

/** Runs a layer until it is red, or to its end. */
export function runLayer(catcher: Catcher, options: LayerOptions): Promise<LayerResult> {
  return catcher.kind === "sim" ? huntSeeds(catcher.seeds, options) : runTests(catcher.part, options);
}

/** Compiled test files whose source has `part` in its path. */
function findTests(folder: string, part: string): string[] {
  const compiled = join(folder, "dist");
  const paths = readdirSync(join(compiled, "test"), { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => path.endsWith(".test.js")).map((path) => join(compiled, "test", path));
  return files.filter((file) => relative(compiled, file).replace(/\.js$/, ".ts").includes(part)).sort();
}

async function runTests(part: string, { folder, signal }: LayerOptions): Promise<LayerResult> {
  const files = findTests(folder, part);
  if (files.length === 0) return { kind: "red", by: `no test has ${part} in its path`, seeds: undefined };
  for (const file of files) {
    const { failures } = await runTestFile(file, { root: folder, timeoutMs: fileTimeoutMs, signal });
    signal.throwIfAborted();
    const [failure] = failures;
    if (failure === undefined) continue;
    const by = failure.path.length > 0 ? failure.path.join(" › ") : `${relative(folder, file)}: ${failure.why}`;
    return { kind: "red", by, seeds: undefined };
  }
  return { kind: "green" };
}

async function huntSeeds(seeds: number, { folder, firstSeed, signal }: LayerOptions): Promise<LayerResult> {
  const program = join(folder, "dist/test/sim/bugs/hunt-seeds.js");
  const argv = ["--enable-source-maps", program, String(firstSeed), String(seeds)];
  const child = spawn(process.execPath, argv, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  let silence = setTimeout(stop, silenceMaxMs);
  let last: HuntLine = { kind: "running", ran: 0 };
  const exited = once(child, "close");
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line) as HuntLine;
    clearTimeout(silence);
    silence = setTimeout(stop, silenceMaxMs);
  }
  await exited;
  clearTimeout(silence);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  return toResult(last, firstSeed);
}

/** A hunt that ended without a last word has crashed, or was ended because it hung. */
function toResult(last: HuntLine, firstSeed: number): LayerResult {
  switch (last.kind) {
    case "green":
      return last;
    case "red":
      return { kind: "red", by: `seed ${last.seed}: ${last.violation}`, seeds: last.ran };
    case "running":
      return { kind: "red", by: `crash or standstill after seed ${firstSeed + last.ran}`, seeds: last.ran + 1 };
  }
}
