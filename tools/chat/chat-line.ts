/** What a typed line asks for. */
export type ChatLine =
  | { kind: "say"; text: string }
  | { kind: "nothing" }
  | { kind: "open"; name: string }
  | { kind: "group"; title: string; names: string[] }
  | { kind: "add"; names: string[] }
  | { kind: "leave" }
  | { kind: "list" }
  | { kind: "members" }
  | { kind: "history"; count: number }
  | { kind: "help" }
  | { kind: "quit" }
  /** @property advice What to type instead. */
  | { kind: "wrong"; advice: string };

const historyDefault = 20;
const historyMax = 1_000;

export const chatHelp = `  /open NAME              talk to a user, or in a group by its title
  /group TITLE NAME…      create a group; put a title of several words in quotes
  /add NAME…              add users to this group
  /leave                  leave this group
  /members                who is in this conversation
  /list                   your conversations
  /history [COUNT]        what was said here (default ${historyDefault})
  /help                   this text
  /quit                   leave; so do Ctrl-C and Ctrl-D

Anything else is sent. Begin a message with // to send one that begins with /.`;

/** Reads a typed line. */
export function parseChatLine(line: string): ChatLine {
  if (line.trim() === "") return { kind: "nothing" };
  if (line.startsWith("//")) return { kind: "say", text: line.slice(1) };
  if (!line.startsWith("/")) return { kind: "say", text: line };
  const [command = "", ...words] = splitWords(line.slice(1));
  return parseCommand(command.toLowerCase(), words);
}

function parseCommand(command: string, words: string[]): ChatLine {
  const [first, ...rest] = words;
  switch (command) {
    case "open":
      return first === undefined ? wrong("/open NAME") : { kind: "open", name: words.join(" ") };
    case "group":
      return first === undefined ? wrong("/group TITLE NAME…") : { kind: "group", title: first, names: rest };
    case "add":
      return first === undefined ? wrong("/add NAME…") : { kind: "add", names: words };
    case "history":
      return parseHistory(first);
    case "leave":
    case "list":
    case "members":
    case "help":
    case "quit":
      return { kind: command };
    default:
      return { kind: "wrong", advice: `There is no /${command}. /help shows what there is.` };
  }
}

function parseHistory(word: string | undefined): ChatLine {
  const count = word === undefined ? historyDefault : Number(word);
  const isCount = Number.isInteger(count) && count >= 1 && count <= historyMax;
  return isCount ? { kind: "history", count } : wrong(`/history COUNT, from 1 to ${historyMax}`);
}

function wrong(usage: string): ChatLine {
  return { kind: "wrong", advice: `Use it like this: ${usage}` };
}

/** Words, of which those in double quotes may hold spaces. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}
