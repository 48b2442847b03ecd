import type { Interceptor } from "@connectrpc/connect";
import { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { methodAudiences } from "../gen/ts/tidewire/v1/methods.js";
import { TidewireError } from "../runtime/error.js";
import type { TokenVerifier } from "./account/token-verifier.js";
import { callerKey } from "./context.js";

/**
 * Verifies the access token (`Authorization: Bearer`) of each call to a method whose audience is a user, and puts the
 * caller into the context. Internal methods trust the way by which they are called.
 */
export function authenticate(verifier: TokenVerifier): Interceptor {
  return (next) => async (request) => {
    const path = `/${request.service.typeName}/${request.method.name}`;
    if (methodAudiences.get(path) === "user") {
      const { userId } = await verifier.verify(bearerToken(request.header));
      request.contextValues.set(callerKey, { userId });
    }
    return await next(request);
  };
}

/** The token of an Authorization header (RFC 6750 §2.1). The name of the scheme knows no case. */
function bearerToken(header: Headers): string {
  const [, token] = /^bearer +(\S+)$/i.exec(header.get("authorization") ?? "") ?? [];
  if (token !== undefined) return token;
  throw new TidewireError(ErrorCode.UNAUTHENTICATED, "this call needs a header: Authorization: Bearer <access token>");
}
