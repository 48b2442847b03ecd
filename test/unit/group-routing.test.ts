import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byConversation, byUser, nextRouting } from "../../services/group/routing.js";

describe("a group's routing", () => {
  it("goes over to by conversation above the threshold", () => {
    assert.equal(nextRouting(byUser, 100, 100), byUser);
    assert.equal(nextRouting(byUser, 101, 100), byConversation);
  });

  it("goes back to by user below 80 % of the threshold, so that it does not flap around it", () => {
    assert.equal(nextRouting(byConversation, 100, 100), byConversation);
    assert.equal(nextRouting(byConversation, 80, 100), byConversation);
    assert.equal(nextRouting(byConversation, 79, 100), byUser);
  });
});
