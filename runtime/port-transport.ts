import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalClientFn } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";

/** A call as it crosses to another thread: Connect's protocol, with its body in one piece. */
export type PortRequest = Readonly<{
  url: string;
  header: readonly (readonly [string, string])[];
  body: Uint8Array;
}>;

export type PortResponse = Readonly<{
  status: number;
  header: readonly (readonly [string, string])[];
  body: Uint8Array;
}>;

/** Calls that another thread does. Nothing is compressed, and nothing bounded: the gateway has done that. */
export function createPortTransport(httpClient: UniversalClientFn): Transport {
  return createTransport({
    httpClient,
    baseUrl: "https://in-memory",
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: Number.MAX_SAFE_INTEGER,
    readMaxBytes: Number.MAX_SAFE_INTEGER,
    writeMaxBytes: Number.MAX_SAFE_INTEGER,
  });
}

/**
 * A client whose calls another thread does.
 * @param send hands a request over; rejects if that thread is gone, of which the caller learns as UNAVAILABLE.
 */
export function createPortClient(send: (request: PortRequest) => Promise<PortResponse>): UniversalClientFn {
  return async ({ url, header, body, signal }) => {
    const request = { url, header: [...header], body: await readWhole(body) };
    const response = await unlessAborted(send(request).catch(toUnavailable), signal);
    return {
      status: response.status,
      header: toHeaders(response.header),
      body: createAsyncIterable([response.body]),
      trailer: new Headers(),
    };
  };
}

/** Does a call that has come from another thread. */
export async function servePortRequest(client: UniversalClientFn, request: PortRequest): Promise<PortResponse> {
  const { url, header, body } = request;
  const response = await client({
    url,
    method: "POST",
    header: toHeaders(header),
    body: createAsyncIterable([body]),
  });
  return { status: response.status, header: [...response.header], body: await readAll(response.body) };
}

/** The body of a unary call, which Connect hands over in one piece. */
export async function readWhole(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  for await (const chunk of body ?? []) return chunk;
  return new Uint8Array(0);
}

/** In memory of its own, so that it can change hands. */
async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const [only] = chunks;
  const isWhole = chunks.length === 1 && only?.byteLength === only?.buffer.byteLength;
  return only && isWhole ? only : new Uint8Array(Buffer.concat(chunks));
}

function toHeaders(entries: PortRequest["header"]): Headers {
  return new Headers(entries.map(([name, value]) => [name, value]));
}

/** What became of the call, nobody knows. */
function toUnavailable(cause: unknown): never {
  throw new ConnectError("the thread that was to do it has ended", Code.Unavailable, undefined, undefined, cause);
}

/** The other thread goes on: whether it still succeeds, nobody knows here. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
