import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStrangers } from "../../gateway/strangers.js";

describe("strangers", () => {
  it("are welcome up to a number for each address", () => {
    const strangers = createStrangers(2);
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
    assert.equal(strangers.enter("10.0.0.1"), "too-many");
    assert.equal(strangers.enter("10.0.0.2"), "welcome");
  });

  it("make room when one has logged in or gone", () => {
    const strangers = createStrangers(2);
    strangers.enter("10.0.0.1");
    strangers.enter("10.0.0.1");
    strangers.leave("10.0.0.1");
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
    assert.equal(strangers.enter("10.0.0.1"), "too-many");
  });

  it("do not count those who were turned away", () => {
    const strangers = createStrangers(1);
    strangers.enter("10.0.0.1");
    strangers.enter("10.0.0.1");
    strangers.leave("10.0.0.1");
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
  });

  it("never count below none", () => {
    const strangers = createStrangers(1);
    strangers.leave("10.0.0.1");
    strangers.leave("10.0.0.1");
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
    assert.equal(strangers.enter("10.0.0.1"), "too-many");
  });
});
