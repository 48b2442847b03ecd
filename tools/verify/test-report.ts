import type { FileResult } from "./test-file.js";

/** What came out for each file, by its source's path. */
export type TestReport = ReadonlyMap<string, FileResult>;

/** How many tests passed and failed. A failure of a file as a whole counts as one. */
export function countTests(report: TestReport): { passed: number; failed: number } {
  let [passed, failed] = [0, 0];
  for (const result of report.values()) {
    passed += result.passed;
    failed += result.failures.length;
  }
  return { passed, failed };
}

/** One line that tells how a file went. */
export function toFileLine(file: string, { passed, failures, durationMs }: FileResult): string {
  const counts = failures.length === 0 ? `${passed}` : `${passed} passed, ${failures.length} failed`;
  return `${failures.length === 0 ? "✔" : "✖"} ${file}  ${counts}  ${toSeconds(durationMs)}\n`;
}

/** Every failure in full, by file, with what the file has written. */
export function toFailureText(report: TestReport): string {
  const failing = [...report].filter(([, { failures }]) => failures.length > 0);
  return failing.map(([file, result]) => `\n${toFailures(file, result)}${toOutputText(file, result)}`).join("");
}

/** The files that took longest. */
export function toSlowestText(report: TestReport, count: number): string {
  const slowest = [...report].sort(([, a], [, b]) => b.durationMs - a.durationMs).slice(0, count);
  const lines = slowest.map(([file, { durationMs }]) => `  ${toSeconds(durationMs).padStart(8)}  ${file}\n`);
  return `\nSlowest files:\n${lines.join("")}`;
}

function toFailures(file: string, { failures }: FileResult): string {
  return failures.map(({ path, why }) => `✖ ${[file, ...path].join(" › ")}\n${indent(why)}\n\n`).join("");
}

function toOutputText(file: string, { output }: FileResult): string {
  return output.trim() === "" ? "" : `  what ${file} has written:\n${indent(output.trimEnd())}\n\n`;
}

function toSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}
