import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { closestName } from "../../runtime/suggest.js";

/** An option of the command line that takes a value. */
export type Flag<Value> = Readonly<{
  /** Without the dashes. */
  name: string;
  /** What it takes, for the help. */
  takes: string;
  help: string;
  /** Its value if it is not given. */
  fallback: Value;
  /** @throws TidewireError `INVALID_ARGUMENT` that says what it takes. */
  read(text: string): Value;
}>;

/** The flags of a scenario, each under the name of the option that it sets. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** What the flags come to. */
export type OptionsOf<Own extends Flags> = {
  readonly [Name in keyof Own]: Own[Name] extends Flag<infer Value> ? Value : never;
};

/** A whole number within `[min, max]`. */
export function count(
  name: string,
  help: string,
  [min, max]: readonly [number, number],
  fallback: number,
): Flag<number> {
  return {
    name,
    takes: "N",
    help: `${help}, ${min} to ${max} (default ${fallback})`,
    fallback,
    read(text) {
      const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      throw invalid(`--${name} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    },
  };
}

/** One of a few words. */
export function choice<Word extends string>(
  name: string,
  help: string,
  words: readonly Word[],
  fallback: Word,
): Flag<Word> {
  return {
    name,
    takes: words.join("|"),
    help: `${help} (default ${fallback})`,
    fallback,
    read(text) {
      const word = words.find((one) => one === text);
      if (word !== undefined) return word;
      const closest = closestName(text, words);
      const hint = closest === undefined ? "" : `; did you mean ${closest}?`;
      const [last, ...others] = [...words].reverse();
      throw invalid(`--${name} takes ${others.reverse().join(", ")} or ${last}, not ${JSON.stringify(text)}${hint}`);
    },
  };
}

/** A path, or nothing. */
export function path(name: string, takes: string, help: string): Flag<string | undefined> {
  return { name, takes, help, fallback: undefined, read: (text) => text };
}

/** @param values what the command line gives, by flag. */
export function readFlags<Own extends Flags>(flags: Own, values: Readonly<Record<string, unknown>>): OptionsOf<Own> {
  const options = Object.entries(flags).map(([option, flag]) => {
    const text = values[flag.name];
    return [option, typeof text === "string" ? flag.read(text) : flag.fallback];
  });
  return Object.fromEntries(options) as OptionsOf<Own>;
}

/** A line of help for each. */
export function describeFlags(flags: Flags): string[] {
  const rows = Object.values(flags).map(({ name, takes, help }) => [`--${name} ${takes}`, help] as const);
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`);
}

export function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
