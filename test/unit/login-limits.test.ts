import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createLoginLimits, toNetwork } from "../../services/account/login-limits.js";
import { createManualClock } from "../support/clock.js";

function world() {
  const clock = createManualClock();
  const { limits } = createMemoryFabric({ clock });
  const loginLimits = createLoginLimits({ limits, registrationsPerMinute: 20 });
  /** How long the next attempt is asked to wait, in milliseconds. 0: it was let through. */
  const waitOf = async (attempt: Promise<void>): Promise<number> => {
    try {
      await attempt;
      return 0;
    } catch (thrown) {
      assert.ok(thrown instanceof TidewireError && thrown.code === ErrorCode.RATE_LIMITED);
      return thrown.retryAfterMs;
    }
  };
  const login = (name: string, address: string) => waitOf(loginLimits.checkLogin(name, address));
  const register = (address: string) => waitOf(loginLimits.checkRegistration(address));
  const allowed = async (attempts: number, attempt: (index: number) => Promise<number>) => {
    let count = 0;
    for (let index = 0; index < attempts; index++) if ((await attempt(index)) === 0) count++;
    return count;
  };
  return { clock, login, register, allowed };
}

describe("login limits", () => {
  it("let five attempts a minute through for one account from one address", async () => {
    const { clock, login, allowed } = world();
    assert.equal(await allowed(8, () => login("ann", "10.0.0.1")), 5);
    assert.equal(await login("ann", "10.0.0.1"), 12_000);
    clock.advance(12_000);
    assert.equal(await login("ann", "10.0.0.1"), 0);
    assert.equal(await login("ann", "10.0.0.1"), 12_000);
  });

  it("let ten attempts a minute through for one account from many addresses", async () => {
    const { login, allowed } = world();
    assert.equal(await allowed(15, (index) => login("ann", `10.0.0.${index}`)), 10);
    assert.equal(await login("bob", "10.0.0.1"), 0, "others are not concerned");
  });

  it("let twenty attempts a minute through from one address for many accounts", async () => {
    const { login, allowed } = world();
    assert.equal(await allowed(30, (index) => login(`user${index}`, "10.0.0.1")), 20);
    assert.equal(await login("ann", "10.0.0.2"), 0, "others are not concerned");
  });

  it("leave the owner of an account attempts when one address goes on guessing", async () => {
    const { login, allowed } = world();
    await allowed(20, () => login("ann", "10.0.0.1"));
    assert.equal(await login("ann", "10.0.0.2"), 0);
  });

  it("make the delay grow for somebody who goes on guessing", async () => {
    const { clock, login } = world();
    let waitMs = 0;
    for (let attempts = 0; attempts < 30; ) {
      waitMs = await login("ann", "10.0.0.1");
      if (waitMs === 0) attempts++;
      else clock.advance(waitMs);
    }
    while (waitMs === 0) waitMs = await login("ann", "10.0.0.1");
    assert.ok(waitMs > 60_000, `${waitMs} ms`);
  });

  it("let twenty registrations a minute through from one address", async () => {
    const { register, allowed } = world();
    assert.equal(await allowed(30, () => register("10.0.0.1")), 20);
    assert.equal(await register("10.0.0.2"), 0);
  });

  it("count an IPv6 network as one address, and an IPv4 address as itself however it is written", () => {
    assert.equal(toNetwork("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert.equal(toNetwork("2001:0DB8:1:2::9"), "2001:db8:1:2::/64");
    assert.equal(toNetwork("2001:db8::1"), "2001:db8:0:0::/64");
    assert.equal(toNetwork("::1"), "0:0:0:0::/64");
    assert.equal(toNetwork("fe80::1%eth0"), "fe80:0:0:0::/64");
    assert.equal(toNetwork("::ffff:10.0.0.1"), "10.0.0.1");
    assert.equal(toNetwork("10.0.0.1"), "10.0.0.1");
    assert.equal(toNetwork("local"), "local");
  });
});
