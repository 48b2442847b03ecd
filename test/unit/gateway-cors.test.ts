import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createOrigins, exposeTo, preflightHeaders } from "../../gateway/edge/cors.js";

const host = "gateway.example:8080";

describe("origins", () => {
  const origins = createOrigins(["https://chat.example"]);

  it("allow the pages that the operator has listed", () => {
    assert.equal(origins.allows("https://chat.example", host), true);
  });

  it("allow what does not come from a page", () => {
    assert.equal(origins.allows("", host), true);
  });

  it("allow pages of this very host, with its port", () => {
    assert.equal(origins.allows("http://gateway.example:8080", host), true);
    assert.equal(origins.allows("http://gateway.example", host), false);
    assert.equal(origins.allows("http://gateway.example:8081", host), false);
  });

  it("refuse all others, those included that only look alike", () => {
    for (const origin of [
      "http://chat.example",
      "https://chat.example.evil.example",
      "https://chat.example:444",
      "https://evil.example",
      "null",
      "*",
      "not a url",
    ]) {
      assert.equal(origins.allows(origin, host), false, origin);
    }
  });

  it("refuse an origin without a host where the request names none", () => {
    assert.equal(createOrigins([]).allows("file://", ""), false);
    assert.equal(createOrigins([]).allows("null", ""), false);
  });

  it("allow every page if the operator says so", () => {
    assert.equal(createOrigins(["*"]).allows("https://anywhere.example", host), true);
  });
});

describe("a preflight", () => {
  it("is answered for its origin, with what Connect clients send", () => {
    const headers = preflightHeaders("https://chat.example");
    assert.equal(headers.get("access-control-allow-origin"), "https://chat.example");
    assert.match(headers.get("access-control-allow-methods") ?? "", /POST/);
    for (const name of [/Content-Type/, /Connect-Protocol-Version/, /Authorization/]) {
      assert.match(headers.get("access-control-allow-headers") ?? "", name);
    }
    assert.equal(headers.get("vary"), "Origin");
  });
});

describe("an answer to a page", () => {
  it("may be read by it, with the time to wait, and is not kept for other pages", () => {
    const headers = new Headers({ vary: "Accept-Encoding" });
    exposeTo("https://chat.example", headers);
    assert.equal(headers.get("access-control-allow-origin"), "https://chat.example");
    assert.match(headers.get("access-control-expose-headers") ?? "", /Retry-After/);
    assert.equal(headers.get("vary"), "Accept-Encoding, Origin");
  });
});
