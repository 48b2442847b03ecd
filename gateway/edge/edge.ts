import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Logger } from "../../runtime/log.js";
import { peerHeader } from "../../runtime/peer-header.js";
import { concat } from "../frames/frames.js";
import type { PlainRequest, PlainResponse } from "../server/server.js";
import { exposeTo, type Origins, preflightHeaders } from "./cors.js";
import { findBodyFault } from "./request-body.js";

/** Everything on the public port that is not a WebSocket: the API, health, and a word for those who come by browser. */
export interface Edge {
  /** Answers any request; never rejects. */
  handle(request: PlainRequest): Promise<PlainResponse>;
}

export type EdgeOptions = Readonly<{
  api: ReadonlyMap<string, UniversalHandler>;
  origins: Origins;
  /** What keeps this gateway from taking connections. Empty: it is ready. */
  unreadyBecause(): Promise<string[]>;
  log: Logger;
}>;

export function createEdge(options: EdgeOptions): Edge {
  async function route(request: PlainRequest): Promise<PlainResponse> {
    const origin = request.headers.get("origin") ?? "";
    if (!options.origins.allows(origin, request.headers.get("host") ?? "")) {
      return text(
        403,
        `pages of ${origin} may not use this gateway. The operator can allow them with TIDEWIRE_ALLOWED_ORIGINS`,
      );
    }
    if (request.method === "OPTIONS")
      return { status: 204, headers: preflightHeaders(origin || "*"), body: new Uint8Array() };
    const response = await routePath(request);
    if (origin !== "") exposeTo(origin, response.headers);
    return response;
  }

  async function routePath(request: PlainRequest): Promise<PlainResponse> {
    switch (request.path) {
      case "/":
        return text(
          200,
          "This is Tidewire. Devices connect a WebSocket to /ws; servers call /tidewire.v1.<Service>/<Method>.",
        );
      case "/ws":
        return text(426, "devices connect a WebSocket here, with the subprotocol tidewire.v1", {
          upgrade: "websocket",
        });
      case "/healthz":
        return text(200, "ok");
      case "/readyz": {
        const reasons = await options.unreadyBecause();
        return reasons.length === 0 ? text(200, "ready") : text(503, `not ready: ${reasons.join("; ")}`);
      }
      default:
        return callApi(request);
    }
  }

  async function callApi(request: PlainRequest): Promise<PlainResponse> {
    const handler = options.api.get(request.path);
    if (!handler) return unknownPath(request.path);
    if (!handler.allowedMethods.includes(request.method)) {
      return text(405, `${request.path} takes ${handler.allowedMethods.join(" or ")}`, {
        allow: handler.allowedMethods.join(", "),
      });
    }
    const contentType = request.headers.get("content-type") ?? "";
    if (!handler.supportedContentType(contentType)) {
      return text(
        415,
        `a request is application/json or application/proto, not ${JSON.stringify(contentType.slice(0, 100))}`,
      );
    }
    const fault = findBodyFault(handler.method.input, contentType, request.body);
    if (fault !== undefined) return connectError(400, "invalid_argument", fault);
    request.headers.set(peerHeader, request.remoteAddress);
    return toPlain(await handler(toUniversal(request)));
  }

  return {
    async handle(request) {
      try {
        return await route(request);
      } catch (error) {
        options.log.error({ err: error, method: request.method }, "a request failed");
        return text(500, "the server failed; its log names the cause");
      }
    },
  };
}

function toUniversal({ method, path, query, headers, body, signal }: PlainRequest) {
  const url = `http://localhost${path}${query === "" ? "" : `?${query}`}`;
  return { httpVersion: "1.1", url, method, header: headers, body: once(body), signal };
}

async function* once(body: Uint8Array) {
  yield body;
}

async function toPlain({ status, header, body }: UniversalServerResponse): Promise<PlainResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return { status, headers: header ?? new Headers(), body: concat(chunks) };
}

/** In the form of a Connect error, because whoever gets the path wrong is most likely calling an RPC. */
function unknownPath(path: string): PlainResponse {
  const message = `there is no RPC ${path.slice(0, 100)}; public ones are POST /tidewire.v1.<Service>/<Method>`;
  return connectError(404, "unimplemented", message);
}

/** Source: https://connectrpc.com/docs/protocol#error-end-stream */
function connectError(status: number, code: string, message: string): PlainResponse {
  return {
    status,
    headers: new Headers({ "content-type": "application/json" }),
    body: new TextEncoder().encode(JSON.stringify({ code, message })),
  };
}

function text(status: number, line: string, headers: Record<string, string> = {}): PlainResponse {
  return {
    status,
    headers: new Headers({ "content-type": "text/plain; charset=utf-8", ...headers }),
    body: new TextEncoder().encode(`${line}\n`),
  };
}
