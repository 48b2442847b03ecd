import {
  type Client,
  Code,
  ConnectError,
  createClient as createConnectClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { AccountService } from "../../../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../../../gen/ts/tidewire/v1/conversation_pb.js";
import { ErrorCode, ErrorDetailSchema } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { GroupService } from "../../../gen/ts/tidewire/v1/group_pb.js";
import { MessageService } from "../../../gen/ts/tidewire/v1/message_pb.js";
import { TidewireClientError } from "./errors.js";
import { createFetchClient } from "./fetch-client.js";

/** What a gateway offers besides the socket. All calls throw TidewireClientError. */
export type Api = Readonly<{
  account: Client<typeof AccountService>;
  conversation: Client<typeof ConversationService>;
  group: Client<typeof GroupService>;
  message: Client<typeof MessageService>;
}>;

export type ApiOptions = Readonly<{
  /** Where the gateway is, such as "https://chat.example.com". */
  url: string;
  /** Gives an access token. Not asked by the calls that need none: register, login, refresh. */
  token?: () => Promise<string> | string;
  /** Default: the standard global one. */
  fetch?: typeof fetch;
  /** How long a call may take, in milliseconds. Default: 10,000. */
  timeoutMs?: number;
}>;

/** Answers are pages of at most 48 KiB and a few fields; larger ones are not ours. */
const answerMaxBytes = 1_048_576;
const requestMaxBytes = 262_144;

const withoutToken = new Set(["Register", "Login", "Refresh"]);

export function createApi(options: ApiOptions): Api {
  const transport = translateErrors(
    createTransport({
      baseUrl: options.url.replace(/\/+$/, ""),
      httpClient: createFetchClient(options.fetch ?? fetch),
      useBinaryFormat: true,
      interceptors: options.token ? [authorize(options.token)] : [],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: 1_024,
      readMaxBytes: answerMaxBytes,
      writeMaxBytes: requestMaxBytes,
      defaultTimeoutMs: options.timeoutMs ?? 10_000,
    }),
  );
  return {
    account: createConnectClient(AccountService, transport),
    conversation: createConnectClient(ConversationService, transport),
    group: createConnectClient(GroupService, transport),
    message: createConnectClient(MessageService, transport),
  };
}

function authorize(token: () => Promise<string> | string): Interceptor {
  return (next) => async (request) => {
    if (!withoutToken.has(request.method.name)) request.header.set("authorization", `Bearer ${await token()}`);
    return next(request);
  };
}

/** Around the whole transport: what an interceptor throws comes out of it as a ConnectError. */
function translateErrors(transport: Transport): Transport {
  return {
    ...transport,
    async unary(...call) {
      try {
        return await transport.unary(...call);
      } catch (cause) {
        throw toClientError(cause);
      }
    },
  };
}

/** The one error that this library throws, whatever a call failed with. */
function toClientError(cause: unknown): TidewireClientError {
  if (cause instanceof TidewireClientError) return cause;
  const error = ConnectError.from(cause);
  if (error.cause instanceof TidewireClientError) return error.cause;
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail !== undefined) {
    return new TidewireClientError(detail.code, error.rawMessage, { cause, retryAfterMs: detail.retryAfterMs });
  }
  return new TidewireClientError(codeWithoutDetail(error.code), adviceWithoutDetail(error), { cause });
}

/** An answer without detail comes from a proxy, from something that is no Tidewire, or from no server at all. */
function codeWithoutDetail(code: Code): ErrorCode {
  if (code === Code.Unauthenticated) return ErrorCode.UNAUTHENTICATED;
  if (code === Code.Unimplemented || code === Code.NotFound) return ErrorCode.UNSUPPORTED;
  return ErrorCode.UNAVAILABLE;
}

function adviceWithoutDetail(error: ConnectError): string {
  const { cause } = error;
  const isUnreachable = cause instanceof TypeError || error.code === Code.Unavailable;
  return isUnreachable ? "The server cannot be reached." : error.rawMessage;
}
