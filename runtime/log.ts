import { pino } from "pino";
import { type LogFields, toSafeFields } from "./log-fields.js";
import { toPrettyLine } from "./log-pretty.js";
import { createScrubber } from "./log-scrubber.js";

export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** `error`: a human must act. `warn`: one may have to. Nothing per frame above `trace`. */
export type LogLevel = (typeof logLevels)[number];

/** Messages are constant strings; what varies goes into fields. Fields that `log-fields.ts` does not list are dropped. */
export interface Logger {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

export type LogOptions = Readonly<{
  /** The least level to write. */
  level: LogLevel;
  /**
   * `json`: one object a line, for machines. `pretty`: one line, and a stack below it, for people. `auto`: pretty if the
   * standard output is a terminal.
   */
  format: "auto" | "json" | "pretty";
  /** Values that must not be written wherever they turn up, such as a database password. */
  secrets?: readonly string[];
  /** Where lines go, each with its line end. Default: the standard output, at once. */
  write?: (line: string) => void;
  /** Default: colours if the standard output is a terminal that has them. */
  colour?: "always" | "never";
}>;

export function createLogger(options: LogOptions): Logger {
  const scrub = createScrubber(options.secrets ?? []);
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  const isPretty = options.format === "auto" ? process.stdout.isTTY : options.format === "pretty";
  const colour = options.colour === undefined ? terminalHasColours() : options.colour === "always";
  const format = isPretty ? (line: string) => toPrettyLine(line, colour) : (line: string) => line;
  const base = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (safe: unknown) => safe }, // pino's own would merge the causes into the message
    },
    { write: (line: string) => write(format(scrub(line))) },
  );
  return wrap(base);
}

/** Node looks at NO_COLOR and its like. */
function terminalHasColours(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors();
}

/** Writes nothing. For tests and for callers without a log. */
export const silentLogger: Logger = createLogger({ level: "silent", format: "json", write: () => {} });

/** Pino writes what it is given: only what has become safe is given to it. */
function wrap(log: pino.Logger): Logger {
  const at = (level: Exclude<LogLevel, "silent">) => (fields: LogFields, message: string) => {
    if (log.isLevelEnabled(level)) log[level](toSafeFields(fields), message);
  };
  return {
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(log.child(toSafeFields(fields))),
  };
}
