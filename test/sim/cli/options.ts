import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../../runtime/error.js";
import type { SimConfig } from "../config.js";

/** What the simulator is to do. */
export type SimCommand =
  | { kind: "help" }
  /** Many seeds, from `firstSeed` on. */
  | { kind: "campaign"; firstSeed: number; seeds: number; jobs: number; resumeFile: string | undefined }
  /** One seed, with what differs from its own configuration. */
  | { kind: "replay"; seed: number; changes: Partial<SimConfig>; trace: "shown" | "hidden" };

export const simHelp = `npm run sim -- [options]

Runs whole deployments on a virtual clock: the shipped gateways, services and clients, a model of the store, and everything
that can go wrong between them. A seed is one deployment, one load and one mix of faults; its history has to keep all sixteen
guarantees. docs/reliability.md tells what is simulated.

Many seeds
  --seeds N         how many (default 2000)
  --from S          the first one (default 1)
  --jobs J          how many processes (default: one for each core)
  --resume FILE     keeps in FILE what is done, and goes on from there if it exists

One seed
  --seed S          this one; if it fails, the smallest configuration that still fails is looked for
  --trace           prints everything that happens
  --config JSON     with these parts of its configuration replaced, as a failure prints them

  --help            this text

Exits with 1 if a guarantee was broken or, from 1,000 seeds on, if a fault or a rare branch never occurred. Ctrl-C stops
and tells how far it got.
`;

/** @throws TidewireError `INVALID_ARGUMENT` that names the first thing that is wrong. */
export function parseSimOptions(argv: readonly string[]): SimCommand {
  const values = parse(argv);
  if (values.help) return { kind: "help" };
  if (values.seed !== undefined) {
    const seed = parseCount("--seed", values.seed, 0, 0);
    return { kind: "replay", seed, changes: parseChanges(values.config), trace: values.trace ? "shown" : "hidden" };
  }
  for (const name of ["trace", "config"] as const)
    if (values[name] !== undefined) throw usage(`--${name} needs --seed`);
  return {
    kind: "campaign",
    firstSeed: parseCount("--from", values.from, 0, 1),
    seeds: parseCount("--seeds", values.seeds, 1, 2_000),
    jobs: parseCount("--jobs", values.jobs, 1, availableParallelism()),
    resumeFile: values.resume,
  };
}

function parse(argv: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    return parseArgs({
      args: [...argv],
      options: {
        ...{ seeds: text, from: text, jobs: text, resume: text, seed: text, config: text },
        ...{ trace: flag, help: { ...flag, short: "h" } },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function parseCount(name: string, text: string | undefined, min: number, fallback: number): number {
  if (text === undefined) return fallback;
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= min) return count;
  throw usage(`${name} wants a whole number from ${min} on, not "${text}"`);
}

function parseChanges(text: string | undefined): Partial<SimConfig> {
  if (text === undefined) return {};
  try {
    const changes: unknown = JSON.parse(text);
    if (typeof changes === "object" && changes !== null) return changes;
  } catch {
    // As below.
  }
  throw usage("--config wants a JSON object, in single quotes");
}

function usage(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
