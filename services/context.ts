import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../runtime/error.js";
import { peerHeader } from "../runtime/peer-header.js";

/** Who acts. It comes from a verified token, never from a field of a request. */
export type Caller = Readonly<{ userId: bigint }>;

/** Set by the `authenticate` interceptor on methods whose audience is a user. */
export const callerKey = createContextKey<Caller | undefined>(undefined, { description: "the verified caller" });

/**
 * The user on whose behalf a method runs.
 * @throws TidewireError `UNAUTHENTICATED` if no token was verified.
 */
export function callerOf(context: Pick<HandlerContext, "values">): Caller {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new TidewireError(ErrorCode.UNAUTHENTICATED, "this call needs an access token");
  return caller;
}

/** The network address that the call came from, as the edge saw it; "local" for calls from inside. For rate limits. */
export function peerAddressOf(context: Pick<HandlerContext, "requestHeader">): string {
  return context.requestHeader.get(peerHeader) ?? "local";
}
