import { parseArgs } from "node:util";
import { optionNames } from "../../runtime/config-options.js";
import { closestName } from "../../runtime/suggest.js";
import { describeFlags, invalid } from "./flags.js";
import type { Engine, Scenario, ServerSettings } from "./scenario.js";
import { scenarios } from "./scenarios.js";

/** What the command line asks for. */
export type BenchCommand =
  | Readonly<{ kind: "help"; text: string }>
  | Readonly<{
      kind: "run";
      scenario: Scenario;
      run: ReturnType<Scenario["prepare"]>;
      /** In this order; one, if the scenario needs no database. */
      engines: readonly Engine[];
      serverSettings: ServerSettings;
      /** Where to write CPU profiles, or undefined. */
      profileDirectory: string | undefined;
      /** Where to write the results as JSON, or undefined. */
      jsonFile: string | undefined;
      /** Where to write the same as a page, or undefined. */
      htmlFile: string | undefined;
    }>
  | FileCommand;

/** What is done with results that are there. */
export type FileCommand =
  | Readonly<{ kind: "compare"; before: string; after: string }>
  | Readonly<{ kind: "render"; resultFile: string; htmlFile: string }>;

const commonHelp = `Options of all
  --database NAME      postgresql, embedded, or both (default, but for scenarios that run on one only)
  --server NAME=VALUE  a setting of the server, of those that \`npx tidewire config\` lists; may be given several times
  --json FILE          write the results; with two databases, into FILE with the database's name before its ending
  --html FILE          write them as a page with plots that needs nothing else; named in the same way
  --profile DIR        write CPU profiles of server and load generator into DIR, and print where time went; costs speed
  --help               this text, or after a scenario's name, its options`;

const fileHelp = `With results that --json has written
  compare BEFORE AFTER   what differs between two of the same scenario, and what of that is more than noise
  render RESULT PAGE     the page that --html writes`;

const verdictHelp = `A run in which a message was lost, doubled, reordered or altered has no result: it says what went wrong and exits
with 1. docs/benchmarks.md tells how to read the results.`;

/**
 * Reads the command line.
 * @throws TidewireError `INVALID_ARGUMENT` that names the first thing that is wrong.
 */
export function parseBenchCommand(argv: readonly string[]): BenchCommand {
  const { values, positionals } = parse(argv);
  if (values.help && (positionals.length === 0 || !findScenario(positionals, values)))
    return { kind: "help", text: help() };
  const fileCommand = parseFileCommand(positionals, values);
  if (fileCommand) return fileCommand;
  const scenario = requireScenario(positionals, values);
  if (values.help) return { kind: "help", text: helpOf(scenario) };
  checkFlags(scenario, values);
  const engines = parseEngines(scenario, values);
  return {
    kind: "run",
    scenario,
    run: scenario.prepare(values),
    engines: scenario.needsDatabase ? engines : ["postgresql"],
    serverSettings: parseServerSettings(values),
    profileDirectory: pathOf("profile", values),
    jsonFile: pathOf("json", values),
    htmlFile: pathOf("html", values),
  };
}

function pathOf(name: "profile" | "json" | "html", values: Values): string | undefined {
  const path = values[name];
  if (path === "") throw invalid(`--${name} takes a ${name === "profile" ? "directory" : "file"}`);
  return typeof path === "string" ? path : undefined;
}

const fileCommands = ["compare", "render"];

function parseFileCommand([name = "", ...files]: readonly string[], values: Values): FileCommand | undefined {
  if (!fileCommands.includes(name)) return undefined;
  const [flag] = Object.keys(values);
  if (flag !== undefined) throw invalid(`${name} takes files only, not --${flag}`);
  const [first, second, surplus] = files;
  if (first === undefined || second === undefined || surplus !== undefined)
    throw invalid(`${name} takes two files: ${name} ${name === "compare" ? "BEFORE AFTER" : "RESULT PAGE"}`);
  if (name === "compare") return { kind: "compare", before: first, after: second };
  return { kind: "render", resultFile: first, htmlFile: second };
}

/** @throws TidewireError `INVALID_ARGUMENT` for what is no setting; whether a value is right, the server says. */
function parseServerSettings({ server = [] }: Values): ServerSettings {
  const settings = (Array.isArray(server) ? server : []).map((text) => {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(String(text)) ?? [];
    const option = optionNames.find((one) => one === name);
    if (option !== undefined && value !== undefined) return [option, value];
    const closest = name === undefined ? undefined : closestName(name, optionNames);
    const hint = closest === undefined ? "" : `; did you mean ${closest}?`;
    throw invalid(`--server takes NAME=VALUE with the name of a setting, not ${JSON.stringify(text)}${hint}`);
  });
  return Object.fromEntries(settings);
}

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

const flagTypes = {
  ...Object.fromEntries(
    scenarios.flatMap(({ flags }) => Object.values(flags)).map(({ name }) => [name, { type: "string" }] as const),
  ),
  paced: { type: "boolean" },
  database: { type: "string" },
  server: { type: "string", multiple: true },
  profile: { type: "string" },
  json: { type: "string" },
  html: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

function parse(argv: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: flagTypes });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const [, unknown] = /^Unknown option '--?([^']+)'/.exec(message) ?? [];
    if (unknown === undefined) throw invalid(message);
    const closest = closestName(unknown, Object.keys(flagTypes));
    throw invalid(`there is no option --${unknown}${closest === undefined ? "" : `; did you mean --${closest}?`}`);
  }
}

/** `--paced` makes another scenario of the one that is named. */
function findScenario([name = ""]: readonly string[], { paced }: Values): Scenario | undefined {
  const fullName = paced ? `${name} --paced` : name;
  return scenarios.find((scenario) => scenario.name === fullName);
}

function requireScenario(positionals: readonly string[], values: Values): Scenario {
  const [name, surplus] = positionals;
  const names = scenarios.map((scenario) => scenario.name);
  if (name === undefined) throw invalid(`name a scenario: ${names.join(", ")}`);
  const scenario = findScenario(positionals, values);
  if (scenario && surplus !== undefined) throw invalid(`one scenario at a time; what is ${JSON.stringify(surplus)}?`);
  if (scenario) return scenario;
  if (values.paced && names.includes(name)) throw invalid(`--paced belongs to group, not to ${name}`);
  const closest = closestName(name, [...names, ...fileCommands]);
  const hint = closest === undefined ? `there are: ${names.join(", ")}` : `did you mean ${closest}?`;
  throw invalid(`there is no scenario ${JSON.stringify(name)}; ${hint}`);
}

const commonFlags: readonly string[] = ["database", "server", "profile", "json", "html", "paced"];
const databaseFlags: readonly string[] = ["database", "server", "profile"];

function checkFlags({ name, flags, needsDatabase }: Scenario, values: Values): void {
  const own = Object.values(flags).map((flag) => flag.name);
  for (const given of Object.keys(values)) {
    if (!needsDatabase && databaseFlags.includes(given)) throw invalid(`${name} needs no --${given}`);
    if (own.includes(given) || commonFlags.includes(given)) continue;
    const owners = scenarios.filter((scenario) => Object.values(scenario.flags).some((flag) => flag.name === given));
    throw invalid(`--${given} belongs to ${owners.map((owner) => owner.name).join(" and ")}`);
  }
}

const enginesByName: Readonly<Record<string, readonly Engine[]>> = {
  postgresql: ["postgresql"],
  embedded: ["embedded"],
  both: ["postgresql", "embedded"],
};

function parseEngines({ name: scenario, onlyOn }: Scenario, { database }: Values): readonly Engine[] {
  const name = String(database ?? onlyOn?.engine ?? "both");
  const engines = Object.hasOwn(enginesByName, name) ? enginesByName[name] : undefined;
  if (engines && onlyOn && engines.some((engine) => engine !== onlyOn.engine))
    throw invalid(`${scenario} runs on ${onlyOn.engine} only, as ${onlyOn.because}: leave --database out`);
  if (engines) return engines;
  const closest = closestName(name, Object.keys(enginesByName));
  const hint = closest === undefined ? "" : `; did you mean ${closest}?`;
  throw invalid(`--database takes postgresql, embedded or both, not ${JSON.stringify(name)}${hint}`);
}

function help(): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  const blocks = scenarios.map(({ name, summary }) => {
    const [first = "", ...rest] = wrap(summary, 116 - width);
    return [`  ${name.padEnd(width)}  ${first}`, ...rest.map((line) => `  ${" ".repeat(width)}  ${line}`)].join("\n");
  });
  return `npm run bench -- <scenario> [options]\n\nScenarios\n${blocks.join("\n")}\n\n${commonHelp}\n\n${fileHelp}\n\n${verdictHelp}\n`;
}

function helpOf({ name, summary, flags }: Scenario): string {
  const options = ["Options", ...describeFlags(flags)].join("\n");
  return `npm run bench -- ${name} [options]\n\n${wrap(summary, 120).join("\n")}\n\n${options}\n\n${commonHelp}\n\n${verdictHelp}\n`;
}

/** Lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
