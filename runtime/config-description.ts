import { type ConfigSource, type LoadedConfig, variableOf } from "./config.js";
import { type Config, configOptions, type Option, type OptionName, optionNames } from "./config-options.js";

/** An option as `tidewire config` shows it. */
export type ConfigRow = Readonly<{
  name: OptionName;
  variable: string;
  /** Its value with its unit; of a secret only whether it is set. */
  value: string;
  source: ConfigSource;
  expects: string;
  description: string;
}>;

/** The effective configuration, secrets hidden, in the order of the table of options. */
export function describeConfig({ config, sources }: LoadedConfig): ConfigRow[] {
  return optionNames.map((name) => {
    const { kind, description } = configOptions[name];
    return {
      name,
      variable: variableOf(name),
      value: toShownValue(configOptions[name], config[name]),
      source: sources[name],
      expects: kind.expects,
      description,
    };
  });
}

/** The rows as text: for each option a line with its value, and one that explains it. */
export function toConfigText(rows: readonly ConfigRow[]): string {
  const width = Math.max(...rows.map((row) => row.variable.length));
  const lines = rows.map(({ variable, value, source, description }) => {
    const origin = source === "default" ? "" : `  (${source})`;
    return `${variable.padEnd(width)}  ${value}${origin}\n${" ".repeat(width)}  ${description}\n`;
  });
  return lines.join("");
}

function toShownValue({ visibility, unit }: Option<unknown>, value: Config[OptionName]): string {
  if (visibility === "secret") return value === "" ? "not set" : "set, hidden";
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  if (text === "") return "not set";
  return unit === undefined ? text : `${text} ${unit}`;
}
