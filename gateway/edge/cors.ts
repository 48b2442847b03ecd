import { cors } from "@connectrpc/connect";

/** Decides which web pages may use this gateway (Fetch standard, "CORS protocol"). */
export interface Origins {
  /** A request without an Origin does not come from a page; a page of this very host is always welcome. */
  allows(origin: string, host: string): boolean;
}

/** @param allowed origins such as "https://chat.example"; "*" for all. */
export function createOrigins(allowed: readonly string[]): Origins {
  const any = allowed.includes("*");
  const list = new Set(allowed);
  return {
    allows: (origin, host) => any || origin === "" || list.has(origin) || (host !== "" && hostOf(origin) === host),
  };
}

/** The answer to a preflight. How long a browser may keep it is bounded by the browsers, at two hours and less. */
export function preflightHeaders(origin: string): Headers {
  return new Headers({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": cors.allowedMethods.join(", "),
    "access-control-allow-headers": [...cors.allowedHeaders, "Authorization"].join(", "),
    "access-control-max-age": "7200",
    vary: "Origin",
  });
}

/** Lets a page read the answer to its request. */
export function exposeTo(origin: string, headers: Headers): void {
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", [...cors.exposedHeaders, "Retry-After"].join(", "));
  headers.append("vary", "Origin");
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
