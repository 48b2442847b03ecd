import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { runChecks } from "./checks.js";
import { type FileResult, runTestFile } from "./test-file.js";
import { countTests, type TestReport, toFailureText, toFileLine, toSlowestText } from "./test-report.js";

/**
 * `npm test [-- PART…]`: the checks, then every compiled test file; with PART, only the files whose path contains one, and no
 * checks. The last line says `N passed, N failed`. Exits with 1 if anything failed, or if nothing was tested.
 */
const root = process.cwd();
const compiled = join(root, "dist");
/** A file that takes longer hangs. */
const fileTimeoutMs = 600_000;

const parts = process.argv.slice(2);
const write = (text: string) => process.stdout.write(text);

const files = findTests().filter((file) => parts.length === 0 || parts.some((part) => toSource(file).includes(part)));
if (files.length === 0) {
  write(`no test file has ${parts.join(" or ")} in its path\n0 passed, 0 failed\n`);
  process.exit(1);
}
const failedChecks = parts.length === 0 ? await runChecks(root, write) : 0;
const report = await runFiles(files);
write(toFailureText(report));
write(toSlowestText(report, 5));
if (failedChecks > 0) write(`\n${failedChecks} of the checks above failed\n`);
const { passed, failed } = countTests(report);
write(`\n${passed} passed, ${failed + failedChecks} failed\n`);
process.exitCode = failed + failedChecks === 0 && passed > 0 ? 0 : 1;

function findTests(): string[] {
  const folder = join(compiled, "test");
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return paths
    .filter((path) => path.endsWith(".test.js"))
    .sort()
    .map((path) => join(folder, path));
}

/** The source of a compiled file, below the project's root. */
function toSource(file: string): string {
  return relative(compiled, file).replace(/\.js$/, ".ts");
}

/** Two files at a time at least: most of them wait for a disk or for another process now and then. */
async function runFiles(paths: readonly string[]): Promise<TestReport> {
  const results = new Map<string, FileResult>();
  const options = { root, timeoutMs: fileTimeoutMs, signal: stopOnSignal() };
  const waiting = [...paths];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runTestFile(file, options);
      results.set(toSource(file), result);
      write(toFileLine(toSource(file), result));
    }
  };
  const concurrency = Math.min(4, Math.max(2, availableParallelism()));
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

/** Aborted by a signal, so that no test process outlives this one. */
function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      stop.abort();
      process.exit(codes[signal]);
    });
  return stop.signal;
}
