import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createExpiringMap } from "../../runtime/expiring-map.js";

describe("expiring map", () => {
  it("hides an entry from the moment it expires", () => {
    const map = createExpiringMap<string, number>({ entriesMax: 10 });
    map.set("a", 1, 100);
    assert.equal(map.get("a", 99), 1);
    assert.equal(map.get("a", 100), undefined);
    assert.deepEqual([...map.entries(100)], []);
  });

  it("keeps expired entries in memory until it is swept", () => {
    const map = createExpiringMap<string, number>({ entriesMax: 10 });
    map.set("a", 1, 100);
    map.set("b", 2, 200);
    map.sweep(150);
    assert.equal(map.size, 1);
    assert.deepEqual([...map.entries(150)], [["b", 2]]);
  });

  it("drops the entry that was set longest ago when it is full", () => {
    const map = createExpiringMap<string, number>({ entriesMax: 2 });
    map.set("a", 1, 100);
    map.set("b", 2, 100);
    map.set("a", 3, 100);
    map.set("c", 4, 100);
    assert.deepEqual(
      [...map.entries(0)],
      [
        ["a", 3],
        ["c", 4],
      ],
    );
  });
});
