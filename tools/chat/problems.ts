import type { TidewireClientError } from "../../clients/typescript/src/errors.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";

/** Why a chat cannot begin or go on, and what to do about it. */
export class ChatProblem extends Error {
  override readonly name = "ChatProblem";
  /** What to do. May be empty. */
  readonly advice: string;

  constructor(message: string, advice: string, options?: { cause: unknown }) {
    super(message, options);
    this.advice = advice;
  }
}

export const startServerAdvice = "Start it in another terminal, in Tidewire's folder: npm start";

/** Puts a failed request into words for the person at the terminal. */
export function toChatProblem(error: TidewireClientError, apiUrl: string): ChatProblem {
  const options = { cause: error };
  switch (error.code) {
    case ErrorCode.UNAVAILABLE:
      return new ChatProblem(`No answer from ${apiUrl}.`, `Is the server running? ${startServerAdvice}`, options);
    case ErrorCode.UNSUPPORTED:
      return new ChatProblem(`${apiUrl} is not a Tidewire server, or an older one.`, "Check --url.", options);
    case ErrorCode.WRONG_CREDENTIALS:
      return new ChatProblem("Wrong name or password.", "A new account is made with --register.", options);
    case ErrorCode.NAME_TAKEN:
      return new ChatProblem("This name is taken.", "Choose another, or leave out --register to log in.", options);
    case ErrorCode.RATE_LIMITED:
      return new ChatProblem("Too many attempts.", `Wait ${waitText(error.retryAfterMs)} and try again.`, options);
    case ErrorCode.UNKNOWN_USER:
      return new ChatProblem("There is no such user.", "A name is the one that somebody registered with.", options);
    default:
      return new ChatProblem(error.advice, "", options);
  }
}

function waitText(waitMs: number): string {
  return waitMs === 0 ? "a minute" : `${Math.ceil(waitMs / 1_000)} s`;
}
