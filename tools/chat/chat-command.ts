import { type ChatOptions, chatUsage, parseChatArguments } from "./chat-options.js";
import { ChatProblem } from "./problems.js";
import { runChat } from "./run-chat.js";
import type { Terminal } from "./terminal.js";
import { createPlainTerminal } from "./terminal-plain.js";
import { createScreenTerminal } from "./terminal-screen.js";

/**
 * Runs `tidewire chat` on standard input and output.
 * @returns The exit code: 0 after a chat, 1 if there was none or the server ended it, 2 for wrong arguments.
 */
export async function chatCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseChatArguments(argv);
  switch (parsed.kind) {
    case "help":
      process.stdout.write(chatUsage);
      return 0;
    case "wrong":
      process.stderr.write(`tidewire chat: ${parsed.problem}\n`);
      return 2;
    case "chat":
      return chatHere(parsed.options);
  }
}

async function chatHere(options: ChatOptions): Promise<number> {
  const { stdin, stdout } = process;
  const isForPeople = stdin.isTTY && stdout.isTTY;
  const terminal = isForPeople
    ? createScreenTerminal(stdin, stdout)
    : createPlainTerminal({ input: stdin, output: stdout });
  const stop = stopOnSignals(terminal);
  try {
    return await runChat(options, terminal);
  } catch (error) {
    if (!(error instanceof ChatProblem)) throw error;
    process.stderr.write(`${[error.message, error.advice].filter((line) => line !== "").join("\n")}\n`);
    return 1;
  } finally {
    stop();
    terminal.close();
    stdin.unref?.();
  }
}

/** The first signal ends the chat as /quit does; a second one ends the process. */
function stopOnSignals(terminal: Terminal): () => void {
  const onSignal = () => terminal.close();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
