import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sharesOf, sizesInHeap } from "../../tools/bench/figures/heap-snapshot.js";
import { type Memory, perConnection } from "../../tools/bench/idle/memory.js";

/**
 * `things` objects `{held}`, each with a Map whose table has 100 bytes and one entry, a string. And one function. In two pieces, as
 * from the inspector.
 */
function heapWith(things: number): string[] {
  const strings = ["", "Object", "name", "held", "Map", "table", "run"];
  const [object, array, closure, string] = [0, 1, 2, 3];
  const [property, internal] = [0, 1];
  const nodes = [closure, 6, 64, 0];
  const edges: number[] = [];
  for (let thing = 0; thing < things; thing++) {
    const self = nodes.length;
    nodes.push(object, 1, 32, 1, object, 4, 24, 1, array, 0, 100, 1, string, 1, 16, 0);
    const entry = strings.push(String(thing)) - 1;
    edges.push(property, 3, self + 4, internal, 5, self + 8, internal, entry, self + 12);
  }
  const meta = {
    node_fields: ["type", "name", "self_size", "edge_count"],
    node_types: [["object", "array", "closure", "string"], "string", "number", "number"],
    edge_fields: ["type", "name_or_index", "to_node"],
    edge_types: [["property", "internal"], "string_or_number", "node"],
  };
  const text = JSON.stringify({ snapshot: { meta }, nodes, edges, strings });
  return [text.slice(0, 40), text.slice(40)];
}

describe("a look into a heap", () => {
  it("names objects by what they are, and tables by what they belong to", () => {
    assert.deepEqual(
      [...sizesInHeap(heapWith(2))],
      [
        ["run()", { count: 1, bytes: 64 }],
        ["{held}", { count: 2, bytes: 64 }],
        ["{held}.held: Map", { count: 2, bytes: 48 }],
        ["{held}.held.table: array", { count: 2, bytes: 200 }],
        ["{held}.held.table.[]: string", { count: 2, bytes: 32 }],
      ],
    );
  });

  it("tells what each thing has added, the most first", () => {
    assert.deepEqual(sharesOf(sizesInHeap(heapWith(12)), sizesInHeap(heapWith(2)), 10), [
      { what: "{held}.held.table: array", count: 1, bytes: 100 },
      { what: "{held}", count: 1, bytes: 32 },
      { what: "{held}.held: Map", count: 1, bytes: 24 },
      { what: "{held}.held.table.[]: string", count: 1, bytes: 16 },
    ]);
  });
});

describe("the memory of a connection", () => {
  const empty: Memory = {
    resident_bytes: 1_000,
    heap_bytes: 400,
    heap_free_bytes: 50,
    external_bytes: 100,
    other_bytes: 500,
  };

  it("is what all have added, divided by all", () => {
    const loaded: Memory = {
      resident_bytes: 5_000,
      heap_bytes: 2_400,
      heap_free_bytes: 250,
      external_bytes: 100,
      other_bytes: 2_500,
    };
    assert.deepEqual(perConnection(loaded, empty, 10), {
      resident_bytes: 400,
      heap_bytes: 200,
      heap_free_bytes: 20,
      external_bytes: 0,
      other_bytes: 200,
    });
  });

  it("has a proportional part where the system tells it both times", () => {
    const [before, after] = [500, 900].map((proportional_bytes) => ({ ...empty, proportional_bytes }));
    assert.ok(before && after);
    assert.equal(perConnection(after, before, 4).proportional_bytes, 100);
    assert.equal("proportional_bytes" in perConnection(after, empty, 4), false);
  });
});
