import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ErrorCode, ErrorDetailSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import { peerHeader } from "../../runtime/peer-header.js";
import { createManualClock } from "../support/clock.js";
import { failsWith } from "../support/errors.js";
import { startServices } from "../support/services.js";

describe("accounts", () => {
  it("are registered under a folded name, log in by it, and are found by it", async () => {
    await using world = await startServices();
    const { profile } = await world.accounts.register({ name: "Ann.B-1_x", password: "password", displayName: "Ann" });
    assert.equal(profile?.name, "ann.b-1_x");
    assert.equal(profile.displayName, "Ann");
    const login = await world.accounts.login({ name: "ANN.b-1_x", password: "password" });
    assert.equal(login.profile?.userId, profile.userId);
    const bob = await world.registerUser("bob");
    assert.equal((await bob.accounts.lookUp({ name: "ann.B-1_x" })).profile?.userId, profile.userId);
    await assert.rejects(bob.accounts.lookUp({ name: "nobody" }), failsWith(ErrorCode.UNKNOWN_USER));
    await assert.rejects(bob.accounts.lookUp({ name: "\0" }), failsWith(ErrorCode.UNKNOWN_USER));
  });

  it("show their name when they have given no other to show", async () => {
    await using world = await startServices();
    const { profile } = await world.accounts.register({ name: "ann", password: "password" });
    assert.equal(profile?.displayName, "ann");
  });

  it("have one name each, also when two want it at the same time", async () => {
    await using world = await startServices();
    const register = () => world.accounts.register({ name: "ann", password: "password" });
    const outcomes = await Promise.allSettled([register(), register(), register()]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 2);
    for (const { reason } of refused) failsWith(ErrorCode.NAME_TAKEN)(reason);
    await assert.rejects(register(), failsWith(ErrorCode.NAME_TAKEN));
  });

  const refusedRegistrations: [string, { name?: string; password?: string; displayName?: string }][] = [
    ["name", { name: "a" }],
    ["name", { name: "has space" }],
    ["name", { name: "ünder" }],
    ["name", { name: "x".repeat(33) }],
    ["password", { password: "seven77" }],
    ["password", { password: "x".repeat(129) }],
    ["display_name", { displayName: "😀".repeat(17) }],
    ["display_name", { displayName: "line\nbreak" }],
  ];
  for (const [field, change] of refusedRegistrations) {
    it(`with ${JSON.stringify(change)} are refused, naming ${field}`, async () => {
      await using world = await startServices();
      const call = world.accounts.register({ name: "ann", password: "password", ...change });
      await assert.rejects(call, (error: ConnectError) => {
        failsWith(ErrorCode.INVALID_ARGUMENT)(error);
        assert.equal(error.rawMessage.split(":")[0], field);
        return true;
      });
    });
  }

  it("are refused in one and the same way for a wrong password and an unknown name", async () => {
    await using world = await startServices();
    await world.registerUser("ann");
    const messages: string[] = [];
    for (const name of ["ann", "nobody", "not a name"]) {
      const error = await world.accounts.login({ name, password: "wrong password" }).catch((thrown: unknown) => thrown);
      failsWith(ErrorCode.WRONG_CREDENTIALS)(error);
      messages.push(String(error));
    }
    assert.equal(new Set(messages).size, 1);
  });

  it("cannot be guessed at: five attempts a minute from one address, and the answer says how long to wait", async () => {
    const clock = createManualClock({ startMs: Date.now() });
    await using world = await startServices({ clock });
    await world.registerUser("ann");
    const accounts = createClient(AccountService, world.transportWith({ [peerHeader]: "10.0.0.1" }));
    const guess = () => accounts.login({ name: "ann", password: "a wrong guess" });
    for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(guess(), failsWith(ErrorCode.WRONG_CREDENTIALS));
    const right = accounts.login({ name: "ann", password: "password of ann" });
    await assert.rejects(right, (error: ConnectError) => {
      failsWith(ErrorCode.RATE_LIMITED)(error);
      assert.equal(error.code, Code.ResourceExhausted);
      assert.deepEqual(
        error.findDetails(ErrorDetailSchema).map((detail) => detail.retryAfterMs),
        [12_000],
      );
      assert.equal(error.metadata.get("retry-after"), "12");
      return true;
    });
    clock.advance(12_000);
    await accounts.login({ name: "ann", password: "password of ann" });
  });

  it("cannot be registered in masses from one address", async () => {
    const clock = createManualClock({ startMs: Date.now() });
    await using world = await startServices({ clock, settings: { registrationsPerMinute: 2 } });
    await world.registerUser("ann");
    await world.registerUser("bob");
    await assert.rejects(world.registerUser("cem"), failsWith(ErrorCode.RATE_LIMITED));
    clock.advance(30_000);
    await world.registerUser("cem");
  });

  it("show and change their profile, a field at a time", async () => {
    await using world = await startServices();
    const ann = await world.registerUser("ann");
    await ann.accounts.updateProfile({ displayName: "Ann" });
    const { profile } = await ann.accounts.updateProfile({ avatarUrl: "https://example.org/ann.png" });
    assert.equal(profile?.displayName, "Ann");
    assert.equal(profile.avatarUrl, "https://example.org/ann.png");
    const bob = await world.registerUser("bob");
    const seen = await bob.accounts.getProfiles({ userIds: [ann.userId, bob.userId, 1n, 2n ** 64n - 1n] });
    assert.deepEqual(new Set(seen.profiles.map((each) => each.displayName)), new Set(["Ann", "bob"]));
    const own = await bob.accounts.getProfiles({});
    assert.deepEqual(
      own.profiles.map((each) => each.userId),
      [bob.userId],
    );
    assert.equal((await ann.accounts.updateProfile({ avatarUrl: "" })).profile?.avatarUrl, "");
  });

  it("refuse a picture that is a script", async () => {
    await using world = await startServices();
    const ann = await world.registerUser("ann");
    const call = ann.accounts.updateProfile({ avatarUrl: "javascript:alert(1)" });
    await assert.rejects(call, failsWith(ErrorCode.INVALID_ARGUMENT));
  });

  it("act by a valid token only", async () => {
    const clock = createManualClock({ startMs: Date.now() });
    await using world = await startServices({ clock });
    const ann = await world.registerUser("ann");
    await assert.rejects(world.accounts.getProfiles({}), failsWith(ErrorCode.UNAUTHENTICATED));
    for (const authorization of ["Bearer", "Bearer x", `Basic ${ann.accessToken}`, `Bearer ${ann.accessToken}x`]) {
      const accounts = createClient(AccountService, world.transportWith({ authorization }));
      await assert.rejects(accounts.getProfiles({}), failsWith(ErrorCode.UNAUTHENTICATED));
    }
    await ann.accounts.getProfiles({});
    clock.advance(15 * 60_000);
    await assert.rejects(ann.accounts.getProfiles({}), failsWith(ErrorCode.TOKEN_EXPIRED));
  });
});
