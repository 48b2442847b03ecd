import { writeFile } from "node:fs/promises";
import { readBugs } from "./bug.js";
import { bugsHelp, parseBugsOptions, UsageError } from "./options.js";
import { toLine, toList, toMarkdown, toSummary } from "./report.js";
import { runBugs } from "./run-bugs.js";

/** Returns an exit code: 1 if a bug was not caught, or proved nothing. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const root = process.cwd();
  const known = readBugs(root);
  const command = parseBugsOptions(argv, known);
  if (command.kind === "help") return print(bugsHelp);
  if (command.kind === "list") return print(toList(known));
  const { bugs, reportFile } = command.options;
  const trials = await runBugs({
    ...command.options,
    root,
    signal,
    progress,
    tried: (trial, done) => progress(`${String(done).padStart(3)}/${bugs.length} ${toLine(trial)}`),
  });
  if (reportFile !== undefined) await writeFile(reportFile, toMarkdown(trials));
  print(toSummary(trials));
  return trials.every(({ verdict }) => verdict.kind === "caught") ? 0 : 1;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): number {
  if (interrupted.signal.aborted) return 130;
  const isUsage = error instanceof UsageError;
  const help = isUsage ? "\n\nnpm run bugs -- --help tells what there is" : "";
  process.stderr.write(`bugs: ${error instanceof Error ? error.message : String(error)}${help}\n`);
  return isUsage ? 2 : 1;
}

/** The first signal stops everything in order, a second one at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  progress("stopping");
  interrupted.abort(new Error("interrupted"));
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
const code = await main(process.argv.slice(2), interrupted.signal).catch(explain);
process.exit(interrupted.signal.aborted ? 130 : code);
