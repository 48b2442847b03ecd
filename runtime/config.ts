import { readFileSync } from "node:fs";
import { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import {
  type Config,
  configOptions,
  findContradictions,
  type Option,
  type OptionName,
  optionNames,
} from "./config-options.js";
import { TidewireError } from "./error.js";
import { closestName } from "./suggest.js";

export { type Config, limitsOf } from "./config-options.js";

const prefix = "TIDEWIRE_";
const fileVariable = "TIDEWIRE_CONFIG";

/** Where a value comes from; a later one in this list wins. */
export type ConfigSource = "default" | "file" | "environment" | "command line";

/** A configuration that is valid as a whole, and where each value comes from. Frozen. */
export type LoadedConfig = Readonly<{ config: Config; sources: Readonly<Record<OptionName, ConfigSource>> }>;

/**
 * Reads the configuration: defaults, then the file, then the environment, then `overrides`. The file is JSON with the names
 * of the options as keys; `file` names it, or else the variable TIDEWIRE_CONFIG.
 * @throws TidewireError `INVALID_ARGUMENT` whose message lists every problem, one a line. It quotes no secret.
 */
export function loadConfig(
  options: { env?: NodeJS.ProcessEnv; file?: string | undefined; overrides?: Partial<Config> } = {},
): LoadedConfig {
  const env = options.env ?? process.env;
  const file = options.file ?? (env[fileVariable] || undefined);
  const problems: string[] = [];
  const layers: Layer[] = [
    { source: "file", entries: file === undefined ? [] : readFileLayer(file, problems) },
    { source: "environment", entries: readEnvironmentLayer(env, problems) },
    { source: "command line", entries: toEntries(options.overrides ?? {}) },
  ];
  const values: Record<string, unknown> = Object.fromEntries(optionNames.map(defaultOf));
  const sources: Record<string, ConfigSource> = Object.fromEntries(optionNames.map((name) => [name, "default"]));
  for (const { source, entries } of layers) {
    for (const { name, raw, shownAs } of entries) {
      const value = optionOf(name).kind.parse(raw);
      if (value === undefined) problems.push(toProblem(name, raw, shownAs));
      else [values[name], sources[name]] = [value, source];
    }
  }
  const config = Object.freeze(values) as Config;
  problems.push(...findContradictions(config));
  if (problems.length > 0) throw new TidewireError(ErrorCode.INVALID_ARGUMENT, toMessage(problems));
  return Object.freeze({ config, sources: Object.freeze(sources) as LoadedConfig["sources"] });
}

/** The variable that sets an option: `dataDir` is `TIDEWIRE_DATA_DIR`. */
export function variableOf(name: OptionName): string {
  return prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Every secret that the configuration contains, whole and in its parts, for the logger to look out for. */
export function secretsOf(config: Config): string[] {
  const encoded = config.databaseUrl === "" ? "" : new URL(config.databaseUrl).password;
  const password = encoded.replace(/(%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll("%", ""), "hex").toString(),
  );
  const key = config.tokenKey === "" ? "" : String((JSON.parse(config.tokenKey) as { d?: unknown }).d);
  return [config.databaseUrl, password, config.tokenKey, key].filter((secret) => secret !== "");
}

type Entry = Readonly<{ name: OptionName; raw: unknown; shownAs: string }>;
type Layer = Readonly<{ source: ConfigSource; entries: readonly Entry[] }>;

function optionOf(name: OptionName): Option<unknown> {
  return configOptions[name];
}

function defaultOf(name: OptionName): [OptionName, unknown] {
  const { kind, default: value } = optionOf(name);
  return [name, kind.parse(value)]; // parsed too, so that a default directory is resolved like any other
}

function readFileLayer(file: string, problems: string[]): Entry[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (thrown) {
    problems.push(`${file}: ${thrown instanceof SyntaxError ? "is not JSON" : "cannot be read"}${reasonOf(thrown)}`);
    return [];
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    problems.push(`${file}: must be a JSON object, such as {"port": 8080}`);
    return [];
  }
  const entries: Entry[] = [];
  for (const [key, raw] of Object.entries(content)) {
    if (isOptionName(key)) entries.push({ name: key, raw, shownAs: `${file}: ${key}` });
    else problems.push(`${file}: there is no option ${JSON.stringify(key)}${hint(closestName(key, optionNames))}`);
  }
  return entries;
}

function readEnvironmentLayer(env: NodeJS.ProcessEnv, problems: string[]): Entry[] {
  const byVariable = new Map(optionNames.map((name) => [variableOf(name), name]));
  const known = [...byVariable.keys(), fileVariable];
  const entries: Entry[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || variable === fileVariable) continue;
    const name = byVariable.get(variable);
    if (name === undefined) problems.push(`${variable}: there is no such option${hint(closestName(variable, known))}`);
    else if (raw !== undefined && raw !== "") entries.push({ name, raw, shownAs: variable }); // empty: not set
  }
  return entries;
}

function toEntries(overrides: Partial<Config>): Entry[] {
  return Object.entries(overrides).flatMap(([name, raw]) =>
    isOptionName(name) && raw !== undefined ? [{ name, raw, shownAs: name }] : [],
  );
}

function isOptionName(key: string): key is OptionName {
  return Object.hasOwn(configOptions, key);
}

function toProblem(name: OptionName, raw: unknown, shownAs: string): string {
  const { kind, visibility } = optionOf(name);
  const value = visibility === "secret" ? "its value" : JSON.stringify(raw);
  return `${shownAs}: must be ${kind.expects}; ${value} is not`;
}

function toMessage(problems: readonly string[]): string {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return [`the configuration has ${count}:`, ...problems.map((problem) => `  - ${problem}`)].join("\n");
}

function hint(name: string | undefined): string {
  return name === undefined ? "; `tidewire config` lists all" : `; did you mean ${name}?`;
}

/** Where JSON breaks is worth telling, but not what stands there: it may be a secret. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof SyntaxError) return ` ${/at position \d+/.exec(thrown.message)?.[0] ?? ""}`.trimEnd();
  return thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
}
