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
    const { message, advice } = toProblem(error, options);
    process.stderr.write(`${[message, advice].filter((line) => line !== "").join("\n")}\n`);
    return 1;
  } finally {
    stop();
    terminal.close();
    stdin.unref?.();
  }
}

/** A failed system call is most likely about the profile's files, and always names its path. */
function toProblem(error: unknown, { dataDirectory }: ChatOptions): ChatProblem {
  if (error instanceof ChatProblem) return error;
  if (!(error instanceof Error && "syscall" in error)) throw error;
  const advice = `Profiles are kept below ${dataDirectory}. Name a directory that is yours with --data.`;
  return new ChatProblem(`The profile cannot be used: ${error.message}`, advice, { cause: error });
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
