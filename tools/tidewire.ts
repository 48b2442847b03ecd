#!/usr/bin/env node
import { TidewireError } from "../runtime/error.js";
import { closestName } from "../runtime/suggest.js";
import { chatCommand } from "./chat/chat-command.js";
import { config } from "./commands/config.js";
import { up } from "./commands/up.js";
import { version } from "./version.js";

type Command = Readonly<{
  summary: string;
  /** Resolves to an exit code, or to undefined if the command goes on in the background until a signal. */
  run(argv: readonly string[]): Promise<number | undefined>;
}>;

const commands: Readonly<Record<string, Command>> = {
  up: { summary: "run everything in this process", run: up },
  chat: { summary: "talk to others from this terminal", run: (argv) => chatCommand([...argv]) },
  config: { summary: "show every setting and where it comes from", run: config },
};

const help = `Tidewire ${version}: a messaging gateway that stores what it acknowledges.

  tidewire <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  .join("\n")}

tidewire <command> --help tells more.
`;

async function main([name, ...argv]: readonly string[]): Promise<number | undefined> {
  if (name === "help" && argv[0] !== undefined) return main([argv[0], "--help"]);
  if (name === undefined || name === "help" || name === "--help" || name === "-h") return print(help);
  if (name === "--version" || name === "-v") return print(`${version}\n`);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return command.run(argv);
  const closest = closestName(name, Object.keys(commands));
  return complain(
    `there is no command ${JSON.stringify(name)}${closest === undefined ? "" : `; did you mean ${closest}?`}\n\n${help}`,
  );
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

/** Exit code 2 is for wrong use, as in a shell. */
function complain(text: string): 2 {
  process.stderr.write(`tidewire: ${text}`);
  return 2;
}

function explain(error: unknown, command: string | undefined): number {
  if (error instanceof TidewireError) {
    process.stderr.write(`tidewire: ${error.message}\n`);
    return 1;
  }
  if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
    return complain(`${error.message}\ntidewire ${command} --help shows what there is\n`);
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 70; // EX_SOFTWARE: a defect of ours
}

const argv = process.argv.slice(2);
const code = await main(argv).catch((error: unknown) => explain(error, argv[0]));
if (code !== undefined) process.exit(code);
