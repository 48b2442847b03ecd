import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as setTimeoutAsync } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ReportLine } from "./reporter.js";

/** What came out for one test file. */
export type FileResult = Readonly<{
  passed: number;
  /** Each with the names of the suites around it and its own; none for a failure of the file as a whole. */
  failures: readonly Failure[];
  durationMs: number;
  /** What the file has written to its outputs; the end of it, if it is long. */
  output: string;
}>;

export type Failure = Readonly<{ path: readonly string[]; why: string }>;

export type TestFileOptions = Readonly<{ root: string; timeoutMs: number; signal: AbortSignal }>;

const reporter = fileURLToPath(new URL("./reporter.js", import.meta.url));
const outputMax = 20_000;

/**
 * Runs a compiled test file in a process of its own, and whatever that process starts, to the end: when it returns, the
 * whole process group is gone. A file fails too if it runs no test, takes longer than `timeoutMs`, or does not exit with 0.
 */
export async function runTestFile(file: string, options: TestFileOptions): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "tidewire-test-"));
  const report = join(folder, "report");
  const startMs = performance.now();
  try {
    const flags = ["--enable-source-maps", `--test-reporter=${reporter}`, `--test-reporter-destination=${report}`];
    const child = spawn(process.execPath, [...flags, file], {
      cwd: options.root,
      env: testEnvironment(),
      detached: true, // a group of its own
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { end, output } = await follow(child, options);
    const lines = existsSync(report) ? parseReport(readFileSync(report, "utf8")) : [];
    const remarks = lines.flatMap((line) => (line.kind === "remark" ? [`${line.text}\n`] : []));
    const passed = lines.filter((line) => line.kind === "passed").length;
    const durationMs = performance.now() - startMs;
    return { passed, failures: findFailures(lines, end), durationMs, output: output + remarks.join("") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How a test process ended. */
type End = { kind: "exit"; code: number } | { kind: "killed"; by: string } | { kind: "overdue"; timeoutMs: number };

async function follow(
  child: ChildProcess,
  { timeoutMs, signal }: TestFileOptions,
): Promise<{ end: End; output: string }> {
  let output = "";
  let overdue = false;
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputMax);
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const kill = () => killGroup(child);
  const timer = setTimeout(() => {
    overdue = true;
    kill();
  }, timeoutMs);
  signal.addEventListener("abort", kill, { once: true });
  const closed = once(child, "close");
  const [code, killedBy] = (await once(child, "exit")) as [number | null, string | null];
  clearTimeout(timer);
  signal.removeEventListener("abort", kill);
  kill(); // what the file has started and not stopped
  await Promise.race([closed, setTimeoutAsync(1_000, undefined, { ref: false })]); // the last of its output
  if (overdue) return { end: { kind: "overdue", timeoutMs }, output };
  return { end: code === null ? { kind: "killed", by: String(killedBy) } : { kind: "exit", code }, output };
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // the group is empty
  }
}

/** Without the settings of whoever runs the tests. */
function testEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("TIDEWIRE_") && name !== "NODE_TEST_CONTEXT"),
  );
}

/** A process that was killed may have left half a line. */
function parseReport(text: string): ReportLine[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return whole.filter((line) => line !== "").map((line) => JSON.parse(line) as ReportLine);
}

function findFailures(lines: readonly ReportLine[], end: End): Failure[] {
  const failures: Failure[] = lines.flatMap((line) => (line.kind === "failed" ? [line] : []));
  const asWhole = (why: string) => failures.push({ path: [], why });
  if (end.kind === "overdue") asWhole(`it had not ended after ${end.timeoutMs / 1000} s`);
  else if (end.kind === "killed") asWhole(`it was killed by ${end.by}`);
  else if (failures.length === 0 && end.code !== 0) asWhole(`it exited with code ${end.code}`);
  else if (lines.at(-1)?.kind !== "end") asWhole("it ended before its tests");
  else if (failures.length === 0 && !lines.some((line) => line.kind === "passed")) asWhole("it ran no test");
  return failures;
}
