import assert from "node:assert/strict";
import { ConnectError } from "@connectrpc/connect";
import { ErrorCode, ErrorDetailSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** For `assert.rejects`: the failure has this code, be it a TidewireError or what an RPC caller sees of one. */
export function failsWith(code: ErrorCode): (thrown: unknown) => true {
  return (thrown) => {
    assert.equal(ErrorCode[codeOf(thrown) ?? ErrorCode.UNSPECIFIED], ErrorCode[code], String(thrown));
    return true;
  };
}

function codeOf(thrown: unknown): ErrorCode | undefined {
  if (thrown instanceof TidewireError) return thrown.code;
  if (thrown instanceof ConnectError) return thrown.findDetails(ErrorDetailSchema)[0]?.code;
  return undefined;
}
