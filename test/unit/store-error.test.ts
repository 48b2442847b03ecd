import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { isTransient, toTidewireError } from "../../services/store/store-error.js";

const failure = (code: string) => Object.assign(new Error("no"), { code });

describe("failures of the store", () => {
  it("are worth another attempt if the database was away, too busy, or gave up on a lock", () => {
    const codes = ["ECONNREFUSED", "CONNECTION_CLOSED", "CONNECT_TIMEOUT", "08006", "53300", "57P01", "57P03"];
    for (const code of [...codes, "40001", "40P01", "55P03", "57014", "25P03", "25006"]) {
      assert.equal(isTransient(failure(code)), true, code);
      const translated = toTidewireError(failure(code));
      assert.equal(translated.code, ErrorCode.UNAVAILABLE);
      assert.ok(translated.retryAfterMs > 0);
    }
  });

  it("are final if the statement itself is at fault", () => {
    for (const code of ["23505", "22003", "42P01", "P0001", "EACCES", "28P01", "3D000", "0A000"]) {
      assert.equal(isTransient(failure(code)), false, code);
      assert.equal(toTidewireError(failure(code)).code, ErrorCode.INTERNAL);
    }
    assert.equal(isTransient(new Error("no code")), false);
    assert.equal(isTransient("not even an error"), false);
  });

  it("stay what they are if they are translated already", () => {
    const refused = new TidewireError(ErrorCode.GROUP_FULL, "full");
    assert.equal(toTidewireError(refused), refused);
    assert.equal(isTransient(new TidewireError(ErrorCode.UNAVAILABLE, "away")), true);
  });

  it("do not carry the statement into the message", () => {
    const thrown = Object.assign(failure("23505"), { query: "insert secret", detail: "Key (name)=(secret)" });
    assert.doesNotMatch(toTidewireError(thrown).message, /secret/);
  });
});
