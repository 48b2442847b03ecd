import type { UniversalClientFn } from "@connectrpc/connect/protocol";

/**
 * An HTTP client for unary calls on the standard `fetch`. The body leaves in one piece: neither browsers on HTTP/1.1 nor
 * Node take a stream there.
 */
export function createFetchClient(fetchFn: typeof fetch): UniversalClientFn {
  return async ({ url, method, header, body, signal }) => {
    const response = await fetchFn(url, {
      method,
      headers: header,
      body: body === undefined ? null : await collect(body),
      redirect: "error", // A redirect would carry the token elsewhere.
      ...(signal && { signal }),
    });
    const { status, headers } = response;
    return { status, header: headers, body: chunksOf(response), trailer: new Headers() };
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  const whole = new Uint8Array(collected.reduce((total, chunk) => total + chunk.length, 0));
  let offset = 0;
  for (const chunk of collected) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

async function* chunksOf(response: Response): AsyncIterable<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}
