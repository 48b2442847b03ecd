import type { Api } from "../../clients/typescript/src/api.js";
import { TidewireClientError } from "../../clients/typescript/src/errors.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { ChatOptions } from "./chat-options.js";
import { ChatProblem } from "./problems.js";
import type { Account } from "./profile.js";
import type { Terminal } from "./terminal.js";

const attemptsMax = 3;

/**
 * Asks for name and password until they are right, and offers to register a new name.
 * @throws ChatProblem if it does not come to a login.
 */
export async function logIn(options: ChatOptions, api: Api, terminal: Terminal): Promise<Account> {
  for (let attempt = 1; ; attempt += 1) {
    const name = options.user ?? (await askName(options.profile, terminal));
    const password = await mustAsk(terminal, "Password: ", "hidden");
    try {
      return await enter(options, api, terminal, name, password);
    } catch (error) {
      if (!(error instanceof TidewireClientError) || !isMendable(error) || attempt >= attemptsMax) throw error;
      if (terminal.style === "log") throw error;
      terminal.print(explain(error));
    }
  }
}

async function enter(options: ChatOptions, api: Api, terminal: Terminal, name: string, password: string) {
  if (options.intent === "register") return register(options, api, terminal, name, password);
  try {
    const { profile, tokens } = await api.account.login({ name, password });
    return toAccount(options, profile, tokens);
  } catch (error) {
    const isUnknown = error instanceof TidewireClientError && error.code === ErrorCode.WRONG_CREDENTIALS;
    if (!isUnknown || terminal.style === "log") throw error;
    terminal.print(`There is no account ${name} with this password.`);
    const answer = await mustAsk(terminal, `Create a new account called ${name}? (yes or no) `, "shown");
    if (!/^y(es)?$/i.test(answer.trim())) throw error;
    return register(options, api, terminal, name, password);
  }
}

async function register(options: ChatOptions, api: Api, terminal: Terminal, name: string, password: string) {
  if (terminal.style === "live") {
    const again = await mustAsk(terminal, "The same password again: ", "hidden");
    if (again !== password) throw new TidewireClientError(ErrorCode.INVALID_ARGUMENT, "The two passwords differ.");
  }
  const { profile, tokens } = await api.account.register({ name, password });
  return toAccount(options, profile, tokens);
}

type LoggedIn = Awaited<ReturnType<Api["account"]["login"]>>;

function toAccount(options: ChatOptions, profile: LoggedIn["profile"], tokens: LoggedIn["tokens"]): Account {
  if (profile === undefined || tokens === undefined) throw new TidewireClientError(ErrorCode.INTERNAL);
  return { url: options.apiUrl, name: profile.name, userId: profile.userId, tokens };
}

async function askName(suggestion: string, terminal: Terminal): Promise<string> {
  const hint = suggestion === "default" ? "" : ` [${suggestion}]`;
  const name = (await mustAsk(terminal, `Name${hint}: `, "shown")).trim();
  return name === "" && suggestion !== "default" ? suggestion : name;
}

async function mustAsk(terminal: Terminal, question: string, echo: "shown" | "hidden"): Promise<string> {
  const answer = await terminal.ask(question, echo);
  if (answer === undefined) throw new ChatProblem("Nobody logged in.", "");
  return answer;
}

/** Whether typing something else may help. */
function isMendable({ code }: TidewireClientError): boolean {
  return code === ErrorCode.WRONG_CREDENTIALS || code === ErrorCode.NAME_TAKEN || code === ErrorCode.INVALID_ARGUMENT;
}

function explain(error: TidewireClientError): string {
  if (error.code === ErrorCode.NAME_TAKEN) return "This name is taken: choose another, or log in with its password.";
  return error.advice;
}
