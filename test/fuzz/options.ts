import { parseArgs } from "node:util";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { Order } from "./engine/worker.js";

export type FuzzCommand = { kind: "help" } | { kind: "fuzz"; order: Order };

export const fuzzHelp = `npm run fuzz -- [options]

Sends WebSocket messages to a gateway that no honest device would send, and to a client what no honest server would: lawful frames,
frames bent in one field or scrambled in some bytes, and what is no frame at all, in every state of a connection, while services answer,
refuse, fail and dawdle. Whatever comes, nothing may be thrown, hang, grow, or harm another connection, and every answer is a frame.

Options
  --inputs N      how many messages, 1 to 2000000000 (default 1000000)
  --seed S        where chance begins; the same seed does the same (default: by chance)
  --only N        only message N of that seed, after those that came before it in the same world
  --only N,M,…    only these, of one world
  --bytes HEX     with --only: these bytes instead of the last message's
  --help          this text

A failure prints the line that repeats it, and the least that is known to bring it about. From 100000 messages on, the run fails too if
some frame, state, error or close code was never met. Ctrl-C ends it with a summary.
`;

/**
 * Reads the command line.
 * @param defaultSeed To begin with if none is given.
 * @throws TidewireError `INVALID_ARGUMENT` that names what is wrong.
 */
export function parseFuzzOptions(argv: readonly string[], defaultSeed: string): FuzzCommand {
  const values = parse(argv);
  if (values.help) return { kind: "help" };
  const seed = values.seed ?? defaultSeed;
  if (values.only === undefined) {
    if (values.bytes !== undefined) throw invalid("--bytes goes with --only");
    return {
      kind: "fuzz",
      order: { kind: "run", seed, inputs: parseNumber("--inputs", values.inputs ?? "1000000", 1) },
    };
  }
  if (values.seed === undefined) throw invalid("--only needs the --seed that it is of");
  const only = parseOnly(values.only);
  const bytes = values.bytes === undefined ? undefined : parseBytes(values.bytes);
  return { kind: "fuzz", order: { kind: "replay", seed, only, before: only.length > 1 ? "without" : "with", bytes } };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        inputs: { type: "string" },
        seed: { type: "string" },
        only: { type: "string" },
        bytes: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function parseNumber(flag: string, text: string, min: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= 2_000_000_000) return number;
  throw invalid(`${flag} takes a whole number from ${min} to 2000000000, not ${JSON.stringify(text)}`);
}

function parseOnly(text: string): number[] {
  const only = text.split(",").map((part) => parseNumber("--only", part, 0));
  if (only.some((input, index) => index > 0 && input <= (only[index - 1] ?? 0)))
    throw invalid("--only takes rising numbers");
  return only;
}

function parseBytes(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw invalid("--bytes takes pairs of hexadecimal digits");
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
