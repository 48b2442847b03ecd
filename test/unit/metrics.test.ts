import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMetrics } from "../../runtime/metrics.js";

describe("metrics", () => {
  it("counts for each server of a process by itself", async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.nacks.inc({ reason: "hole" });
    assert.match(await one.registry.metrics(), /tidewire_nacks_total\{reason="hole"\} 1/);
    assert.doesNotMatch(await two.registry.metrics(), /reason="hole"/);
  });

  it("names every metric with the prefix, and counters as Prometheus asks", async () => {
    for (const { name, type, help } of await createMetrics().registry.getMetricsAsJSON()) {
      assert.match(name, /^tidewire_[a-z0-9_]+$/);
      assert.equal(name.endsWith("_total"), String(type) === "counter", name);
      assert.ok(help.length > 10, name);
    }
  });
});
