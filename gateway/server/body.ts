/** Bounds what one request may make this process hold, and for how long. */
export type BodyLimits = Readonly<{ maxBytes: number; timeoutMs: number }>;

export type Body =
  | { kind: "read"; chunks: Uint8Array[] }
  /** It was too large or too slow: say so and close. */
  | { kind: "refused"; status: number; reason: string };

/** The part of the socket library's response that a request's body arrives through. */
export interface BodySource {
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
}

/** Collects the body of a request. Resolves early when the signal is aborted; what it resolves to is then of no use. */
export function readBody(source: BodySource, signal: AbortSignal, limits: BodyLimits): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const finish = (body: Body) => {
      clearTimeout(deadline);
      resolve(body);
    };
    const deadline = setTimeout(() => {
      finish({ kind: "refused", status: 408, reason: `the request did not arrive within ${limits.timeoutMs} ms` });
    }, limits.timeoutMs);
    signal.addEventListener("abort", () => finish({ kind: "read", chunks }), { once: true });
    source.onData((chunk, isLast) => {
      bytes += chunk.byteLength;
      if (bytes > limits.maxBytes) {
        return finish({ kind: "refused", status: 413, reason: `a request may have ${limits.maxBytes} bytes` });
      }
      chunks.push(new Uint8Array(chunk.slice(0))); // the socket library reuses its buffer
      if (isLast) finish({ kind: "read", chunks });
    });
  });
}
