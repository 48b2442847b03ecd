import { WebSocket } from "ws";
import { createApi } from "../../clients/typescript/src/api.js";
import { type Client, createClient } from "../../clients/typescript/src/client.js";
import { TidewireClientError } from "../../clients/typescript/src/errors.js";
import { createFileStorage } from "../../clients/typescript/src/storage-file.js";
import { createTokenSource } from "../../clients/typescript/src/tokens.js";
import { version } from "../version.js";
import { Chat } from "./chat.js";
import type { ChatOptions } from "./chat-options.js";
import { logIn } from "./log-in.js";
import { createNames } from "./names.js";
import { ChatProblem, toChatProblem } from "./problems.js";
import { type Account, openProfile, type Profile } from "./profile.js";
import { createRooms } from "./rooms.js";
import type { Terminal } from "./terminal.js";

/** How long the first connection may take before the chat begins without it. */
const firstConnectionMs = 3_000;
/** And how long it then waits for conversations, of which a new user has none. */
const firstHeadsMs = 300;
/** How long a script's last messages may take to be stored after its input has ended. */
const farewellMs = 15_000;
/** Somebody who watches does not want to wait half a minute, and people at terminals are no stampede. */
const impatient = () => Math.random() / 10;

/**
 * Chats until the person leaves, the input ends, or the server ends the session for good.
 * @returns The exit code: 0 if the person left.
 * @throws ChatProblem if it cannot begin.
 */
export async function runChat(options: ChatOptions, terminal: Terminal): Promise<number> {
  const profile = await openProfile(options.dataDirectory, options.profile);
  const account = await findAccount(options, profile, terminal);
  const anonymous = createApi({ url: options.apiUrl });
  const token = createTokenSource({
    api: anonymous,
    tokens: account.tokens,
    save: (tokens) => profile.save({ ...account, tokens }),
  });
  const api = createApi({ url: options.apiUrl, token });
  const client = await openClient(options, profile, account, token);
  const names = createNames(api);
  names.note(account.userId, account.name);
  const rooms = createRooms(client, api, names);
  const chat = new Chat({ client, api, apiUrl: options.apiUrl, names, rooms, terminal });
  try {
    client.start();
    await firstAnswer(client);
    await chat.greet();
    if (options.open !== undefined) await chat.open(options.open);
    for await (const line of terminal.lines()) if ((await chat.type(line)) === "quit") break;
    if (terminal.style === "log") await settled(client);
    return await farewell(client, chat, profile, terminal);
  } finally {
    await client.close();
    terminal.close();
  }
}

/** The account of the profile, or the one that is logged in to now. */
async function findAccount(options: ChatOptions, profile: Profile, terminal: Terminal): Promise<Account> {
  const { account } = profile;
  const { user } = options;
  if (account !== undefined && user !== undefined && account.name !== user.toLowerCase()) {
    const advice = `Choose another profile for ${user}: --profile ${user.toLowerCase()}`;
    throw new ChatProblem(`The profile ${profile.name} belongs to ${account.name}.`, advice);
  }
  const isKnown = account !== undefined && account.url === options.apiUrl && options.intent === "log-in";
  if (isKnown) return account;
  try {
    const entered = await logIn(options, createApi({ url: options.apiUrl }), terminal);
    await profile.save(entered);
    return entered;
  } catch (error) {
    throw error instanceof TidewireClientError ? toChatProblem(error, options.apiUrl) : error;
  }
}

async function openClient(options: ChatOptions, profile: Profile, account: Account, token: () => Promise<string>) {
  const storage = createFileStorage({ directory: profile.deviceDirectory(account.userId) });
  const common = {
    platform: "cli",
    clientVersion: `tidewire-chat ${version}`,
    webSocket: WebSocket,
    random: impatient,
  };
  try {
    return await createClient({ url: options.socketUrl, token, storage, ...common });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (!reason.startsWith("in use")) throw cause;
    const advice = "Close it there, or use another profile: --profile NAME";
    throw new ChatProblem(`The profile ${profile.name} is ${reason}.`, advice, { cause });
  }
}

/** Resolves once the client is connected and knows its conversations, or has failed to connect, or after a while. */
async function firstAnswer(client: Client): Promise<void> {
  await until(client, firstConnectionMs, () => /^(ready|waiting|closed)$/.test(client.connection.state));
  if (client.connection.state !== "ready") return;
  await until(client, firstHeadsMs, () => client.conversations().length > 0);
}

/** Resolves once nothing waits for an outcome, or after a while. */
function settled(client: Client): Promise<void> {
  return until(client, farewellMs, () => client.pending().length === 0 || client.connection.state === "closed");
}

function until(client: Client, patienceMs: number, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(finish, patienceMs);
    const stop = client.on(() => {
      if (isDone()) finish();
    });
    if (isDone()) finish();
  });
}

async function farewell(client: Client, chat: Chat, profile: Profile, terminal: Terminal): Promise<number> {
  await chat.printed();
  const { connection } = client;
  const waiting = client.pending().length;
  if (waiting > 0) terminal.print(`* Not stored yet: ${waiting}. What waits is kept, and leaves next time.`);
  if (connection.state !== "closed") return 0;
  const isLoggedOut = /log in/i.test(connection.reason.advice);
  if (isLoggedOut) await profile.forget();
  const advice = isLoggedOut ? " Start the chat again to log in." : "";
  terminal.print(`! The server has ended this session: ${connection.reason.advice}${advice}`);
  return 1;
}
