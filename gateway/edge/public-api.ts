import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter, type HandlerContext, type Transport } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { GroupService } from "../../gen/ts/tidewire/v1/group_pb.js";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import { methodAudiences } from "../../gen/ts/tidewire/v1/methods.js";
import { peerHeader } from "../../runtime/peer-header.js";

export type PublicApiOptions = Readonly<{
  services: Transport;
  /** Largest request, in bytes. */
  requestMaxBytes: number;
  /** Longest time that a caller may ask for and gets, in milliseconds. */
  timeoutMs: number;
}>;

/** Bounds what hostile nesting can cost, as `decode` does for frames. */
const RECURSION_LIMIT = 8;

/** What of a caller's headers the services need. */
const PASSED_HEADERS = ["authorization"];

/** Handlers for all methods of the contract that are not internal, by path. They pass calls on to the services. */
export function createPublicApi(options: PublicApiOptions): Map<string, UniversalHandler> {
  const router = createConnectRouter({
    grpc: false, // needs HTTP/2 trailers, which the socket library does not speak
    readMaxBytes: options.requestMaxBytes,
    maxTimeoutMs: options.timeoutMs,
    binaryOptions: { readUnknownFields: false, recursionLimit: RECURSION_LIMIT },
    jsonOptions: { ignoreUnknownFields: true, recursionLimit: RECURSION_LIMIT },
  });
  for (const service of [AccountService, ConversationService, GroupService, MessageService]) {
    for (const method of publicMethods(service)) {
      router.rpc(method, (request, context) => passOn(options, method, request, context));
    }
  }
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function publicMethods(service: DescService): DescMethodUnary[] {
  return service.methods.filter((method): method is DescMethodUnary => {
    const audience = methodAudiences.get(`/${service.typeName}/${method.name}`);
    return method.methodKind === "unary" && (audience === "anyone" || audience === "user");
  });
}

async function passOn(options: PublicApiOptions, method: DescMethodUnary, request: Message, context: HandlerContext) {
  const timeoutMs = Math.min(context.timeoutMs() ?? options.timeoutMs, options.timeoutMs);
  try {
    const response = await options.services.unary(method, context.signal, timeoutMs, passedHeaders(context), request);
    return response.message;
  } catch (error) {
    throw withoutMetadata(ConnectError.from(error));
  }
}

function passedHeaders({ requestHeader }: HandlerContext): Headers {
  const headers = new Headers();
  for (const name of [...PASSED_HEADERS, peerHeader]) {
    const value = requestHeader.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** The metadata of an error that came back are headers of the inner response; only its wait concerns the caller. */
function withoutMetadata(error: ConnectError): ConnectError {
  const retryAfter = error.metadata.get("retry-after");
  const code = error.code === Code.Canceled ? Code.Unavailable : error.code;
  const outer = new ConnectError(error.rawMessage, code, retryAfter ? { "retry-after": retryAfter } : undefined);
  outer.details = error.details;
  return outer;
}
