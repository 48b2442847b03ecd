import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createUserRates } from "../../gateway/user-rates.js";
import { fullBucket } from "../../runtime/gcra.js";

describe("user rates", () => {
  it("are full for a user who has sent nothing, and for nobody", () => {
    const rates = createUserRates();
    assert.equal(rates.get(7n), fullBucket);
    assert.equal(rates.get(undefined), fullBucket);
    assert.equal(rates.size, 0);
  });

  it("are kept for each user", () => {
    const rates = createUserRates();
    rates.set(7n, 100);
    rates.set(8n, 200);
    rates.set(7n, 300);
    assert.equal(rates.get(7n), 300);
    assert.equal(rates.get(8n), 200);
  });

  it("are forgotten from the moment they are full again", () => {
    const rates = createUserRates();
    rates.set(7n, 100);
    rates.set(8n, 101);
    rates.forgetIdle(100);
    assert.equal(rates.size, 1);
    assert.equal(rates.get(7n), fullBucket);
    assert.equal(rates.get(8n), 101);
  });
});
