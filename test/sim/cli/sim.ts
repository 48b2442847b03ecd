import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../../runtime/error.js";
import { generateConfig } from "../generate-config.js";
import { type Pace, runCampaign } from "./campaign.js";
import { enoughSeeds, findMissing, toTable } from "./occurrences.js";
import { parseSimOptions, type SimCommand, simHelp } from "./options.js";
import { explain, replay } from "./replay.js";
import type { Tally } from "./tally.js";

/** More failures are listed, but not looked into. */
const explainedMax = 3;

/** Returns an exit code: 1 if a guarantee was broken, or if something never occurred. */
async function main(argv: readonly string[]): Promise<number> {
  const command = parseSimOptions(argv);
  switch (command.kind) {
    case "help":
      print(simHelp);
      return 0;
    case "replay":
      return await replay({ ...command, write: print });
    case "campaign":
      return await run(command);
  }
}

async function run(command: Extract<SimCommand, { kind: "campaign" }>): Promise<number> {
  const { signal } = interrupted;
  const progress = (tally: Tally, pace: Pace) => tell(toProgress(tally, command.seeds, pace));
  const tally = await runCampaign({ ...command, signal, progress });
  print(`\n${toTable(tally.counts)}\n`);
  for (const { seed, violations } of tally.failures.slice(0, explainedMax)) {
    print(`${signal.aborted ? violations.join("\n") : await explain(generateConfig(seed), violations)}\n`);
  }
  for (const { seed, violations } of tally.failures.slice(explainedMax))
    print(`seed ${seed} FAILED: ${violations[0]}\n`);
  return conclude(tally);
}

function conclude(tally: Tally): number {
  const missing = tally.seeds >= enoughSeeds ? findMissing(tally.counts) : [];
  for (const name of missing) print(`NEVER OCCURRED: ${name}\n`);
  const outcome = tally.failures.length === 0 ? "all guarantees kept" : `${tally.failures.length} FAILED`;
  print(`${tally.seeds} seeds, ${outcome}, hash ${tally.hash}\n`);
  return tally.failures.length + missing.length === 0 ? 0 : 1;
}

function toProgress({ seeds, cpuMs, failures }: Tally, wanted: number, pace: Pace): string {
  const elapsedMs = Math.max(1, pace.elapsedMs);
  const perMinute = Math.round((pace.seeds * 60_000) / elapsedMs);
  const speed = Math.round(pace.simulatedMs / elapsedMs);
  const cost = (cpuMs / Math.max(1, seeds)).toFixed(1);
  const parts = [
    `${seeds} of ${wanted} seeds`,
    `${perMinute} seeds/min`,
    `${speed} × real time`,
    `${cost} ms CPU a seed`,
  ];
  return [...parts, `${failures.length} failed`].join(" · ");
}

function print(text: string): void {
  process.stdout.write(text);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explainError(error: unknown): number {
  const isUsage = error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT;
  tell(`sim: ${error instanceof Error ? error.message : String(error)}`);
  if (isUsage) tell("\nnpm run sim -- --help tells what there is");
  return isUsage ? 2 : 1;
}

/** The first signal ends the campaign with what it has found, a second one at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  tell("stopping");
  interrupted.abort(new Error("interrupted"));
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
const code = await main(process.argv.slice(2)).catch(explainError);
process.exit(interrupted.signal.aborted ? 130 : code);
