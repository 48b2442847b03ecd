import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { ErrorCode, ErrorDetailSchema } from "../gen/ts/tidewire/v1/error_pb.js";
import { errorMeanings } from "../gen/ts/tidewire/v1/errors.js";
import type { TidewireError } from "../runtime/error.js";
import type { Logger } from "../runtime/log.js";
import { toTidewireError } from "./store/store.js";

/**
 * The edge between failures of ours and Connect's: every thrown value becomes a ConnectError with the code of the error
 * table and an `ErrorDetail`. Of what was not foreseen, the caller learns nothing and the log everything.
 */
export function translateErrors(log: Logger): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (thrown) {
      if (thrown instanceof ConnectError) throw thrown;
      const error = toTidewireError(thrown);
      report(log, error, request.method.name);
      throw toConnectError(error);
    }
  };
}

function toConnectError(error: TidewireError): ConnectError {
  const { code, retryAfterMs } = error;
  const { connectCode, advice } = errorMeanings[code];
  const message = code === ErrorCode.INTERNAL ? advice : error.message;
  const headers = new Headers();
  if (retryAfterMs > 0) headers.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
  const detail = { desc: ErrorDetailSchema, value: { code, retryAfterMs: Math.ceil(retryAfterMs) } };
  return new ConnectError(message, codeFromString(connectCode) ?? Code.Unknown, headers, [detail], error);
}

function report(log: Logger, error: TidewireError, method: string): void {
  if (error.code === ErrorCode.INTERNAL) log.error({ err: error.cause ?? error, method }, "request failed");
  if (error.code === ErrorCode.UNAVAILABLE) log.warn({ err: error.cause ?? error, method }, "request not possible now");
}
