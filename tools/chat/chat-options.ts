import { parseArgs } from "node:util";
import { loadConfig } from "../../runtime/config.js";
import { profileNamePattern } from "./profile.js";

export type ChatOptions = Readonly<{
  /** The gateway's socket, such as "ws://127.0.0.1:8080/ws". */
  socketUrl: string;
  /** The gateway's API, such as "http://127.0.0.1:8080". */
  apiUrl: string;
  profile: string;
  dataDirectory: string;
  /** Whom to log in as. */
  user: string | undefined;
  intent: "log-in" | "register";
  /** Which conversation to open first. */
  open: string | undefined;
}>;

export type ChatArguments =
  | { kind: "chat"; options: ChatOptions }
  | { kind: "help" }
  | { kind: "wrong"; problem: string };

export const chatUsage = `tidewire chat: talk to others from this terminal.

  --url URL       where the server is (default ws://127.0.0.1:8080/ws; http:// and https:// will do, too)
  --profile NAME  whose account, outbox and messages to use on this machine (default: the user, or "default")
  --data DIR      where profiles lie (default ./data, as for tidewire up)
  --user NAME     log in as this user (default: asks)
  --register      create the account first
  --open NAME     open this conversation at once
  --help          this text

Two people on one machine use two profiles. Where input or output is no terminal, it reads plain lines and prints
plain lines: first the answers to what it would ask (name unless --user is given, password), then messages and commands.
`;

/** Reads the command line. */
export function parseChatArguments(argv: readonly string[]): ChatArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      url: { type: "string", default: "ws://127.0.0.1:8080/ws" },
      profile: { type: "string" },
      data: { type: "string" },
      user: { type: "string" },
      register: { type: "boolean", default: false },
      open: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return { kind: "help" };
  const urls = toUrls(values.url);
  if (urls === undefined)
    return { kind: "wrong", problem: `--url ${values.url} is no address; ws://127.0.0.1:8080/ws is one` };
  const profile = values.profile ?? values.user?.toLowerCase() ?? "default";
  if (!profileNamePattern.test(profile)) {
    return {
      kind: "wrong",
      problem: "--profile takes 1 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
    };
  }
  const dataDirectory = values.data ?? loadConfig().config.dataDir;
  const intent = values.register ? "register" : "log-in";
  const options = { ...urls, profile, dataDirectory, user: values.user, intent, open: values.open } as const;
  return { kind: "chat", options };
}

/** Socket and API are one server: whichever is given, the other follows. */
function toUrls(given: string): { socketUrl: string; apiUrl: string } | undefined {
  if (!URL.canParse(given)) return undefined;
  const url = new URL(given);
  if (!/^(ws|http)s?:$/.test(url.protocol) || url.host === "") return undefined;
  const secure = url.protocol === "wss:" || url.protocol === "https:" ? "s" : "";
  const path = url.pathname.replace(/\/(ws)?\/?$/, "");
  return { socketUrl: `ws${secure}://${url.host}${path}/ws`, apiUrl: `http${secure}://${url.host}${path}` };
}
