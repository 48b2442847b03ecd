import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAdmission } from "../../gateway/admission.js";
import { createOrigins } from "../../gateway/edge/cors.js";
import { createStrangers } from "../../gateway/strangers.js";

const upgrade = { origin: "", host: "gateway.example", subprotocols: "tidewire.v1", remoteAddress: "10.0.0.1" };

function world(perAddressMax = 2) {
  const strangers = createStrangers(perAddressMax);
  return { strangers, admission: createAdmission({ origins: createOrigins([]), strangers }) };
}

function statusOf(verdict: ReturnType<ReturnType<typeof world>["admission"]["judge"]>): string {
  return verdict.kind === "refused" ? verdict.status.slice(0, 3) : verdict.kind;
}

describe("admission", () => {
  it("welcomes whoever speaks the subprotocol, among others or alone", () => {
    const { admission } = world();
    assert.equal(statusOf(admission.judge(upgrade)), "accepted");
    assert.equal(statusOf(admission.judge({ ...upgrade, subprotocols: "chat, tidewire.v1" })), "accepted");
  });

  it("refuses whoever does not", () => {
    for (const subprotocols of ["", "chat", "tidewire.v10", "tidewire.v2"]) {
      assert.equal(statusOf(world().admission.judge({ ...upgrade, subprotocols })), "400");
    }
  });

  it("refuses pages that it does not know", () => {
    assert.equal(statusOf(world().admission.judge({ ...upgrade, origin: "https://evil.example" })), "403");
  });

  it("refuses an address with too many strangers, and does not count who was refused for another reason", () => {
    const { admission, strangers } = world();
    for (let index = 0; index < 5; index++) admission.judge({ ...upgrade, subprotocols: "" });
    assert.equal(statusOf(admission.judge(upgrade)), "accepted");
    assert.equal(statusOf(admission.judge(upgrade)), "accepted");
    assert.equal(statusOf(admission.judge(upgrade)), "429");
    strangers.leave(upgrade.remoteAddress);
    assert.equal(statusOf(admission.judge(upgrade)), "accepted");
  });

  it("refuses everybody once it is closed", () => {
    const { admission } = world();
    assert.equal(admission.isClosed, false);
    admission.close();
    assert.equal(statusOf(admission.judge(upgrade)), "503");
    assert.equal(admission.isClosed, true);
  });
});
