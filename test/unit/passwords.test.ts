import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createPasswords } from "../../services/account/passwords.js";

const isBusy = (thrown: unknown) =>
  thrown instanceof TidewireError && thrown.code === ErrorCode.BUSY && thrown.retryAfterMs > 0;

describe("passwords", () => {
  it("are hashed with argon2id, 19 MiB, two passes, one lane, and a salt of their own", async () => {
    const passwords = createPasswords({ inFlightMax: 2, waitingMax: 2 });
    const [first, second] = await Promise.all([passwords.hash("the same"), passwords.hash("the same")]);
    assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.notEqual(first, second);
  });

  it("match their own hash and no other", async () => {
    const passwords = createPasswords({ inFlightMax: 2, waitingMax: 2 });
    const hashed = await passwords.hash("correct horse");
    assert.equal(await passwords.matches("correct horse", hashed), true);
    assert.equal(await passwords.matches("correct horsf", hashed), false);
  });

  it("of unknown users match nothing, not even the stand-in's own password", async () => {
    const passwords = createPasswords({ inFlightMax: 1, waitingMax: 1 });
    assert.equal(await passwords.matches("nobody has this password", undefined), false);
  });

  it("wait in a bounded line, and beyond it callers hear that the server is busy", async () => {
    const passwords = createPasswords({ inFlightMax: 1, waitingMax: 2 });
    const calls = ["one", "two", "three", "four"].map((password) => passwords.hash(password));
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
    await assert.rejects(calls[3] ?? Promise.resolve(), isBusy);
    assert.ok(await passwords.hash("afterwards"), "the places are free again");
  });

  it("give their place back when hashing fails", async () => {
    const passwords = createPasswords({ inFlightMax: 1, waitingMax: 0 });
    await assert.rejects(passwords.matches("a password", "not a hash"));
    assert.ok(await passwords.hash("afterwards"));
  });
});
