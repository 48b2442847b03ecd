import { parseArgs } from "node:util";
import { loadConfig } from "../../runtime/config.js";
import { describeConfig, toConfigText } from "../../runtime/config-description.js";

const configHelp = `tidewire config: shows every setting, its value and where that comes from. Secrets are not shown.
In a file, names are as --json shows them: TIDEWIRE_DATA_DIR is dataDir.

  --config FILE  read this file too
  --json         as JSON, for programs
  --help         this text
`;

export async function config(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return print(configHelp);
  const rows = describeConfig(loadConfig({ file: values.config }));
  return print(values.json ? `${JSON.stringify(rows, undefined, 2)}\n` : toConfigText(rows));
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}
