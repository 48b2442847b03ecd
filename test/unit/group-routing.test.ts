import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstRouting, nextRouting } from "../../services/group/routing.js";
import { both, byConversation, byUser } from "../../services/push/committed.js";

describe("a group's routing", () => {
  it("begins as its size asks for", () => {
    assert.equal(firstRouting(100, 100), byUser);
    assert.equal(firstRouting(101, 100), byConversation);
  });

  it("passes through both on its way to by conversation when it grows above the threshold", () => {
    assert.equal(nextRouting(byUser, 100, 100), byUser);
    assert.equal(nextRouting(byUser, 101, 100), both);
    assert.equal(nextRouting(both, 102, 100), both);
    assert.equal(nextRouting(byConversation, 102, 100), byConversation);
  });

  it("goes back to by user below 80 % of the threshold, so that it does not flap around it", () => {
    for (const present of [both, byConversation] as const) {
      assert.equal(nextRouting(present, 100, 100), present);
      assert.equal(nextRouting(present, 80, 100), present);
      assert.equal(nextRouting(present, 79, 100), byUser);
    }
  });
});
