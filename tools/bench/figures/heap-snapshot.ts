/** How many objects of a kind a heap holds, and their bytes, without what they refer to. */
export type HeapSize = Readonly<{ count: number; bytes: number }>;

/** What a kind of object adds to a heap for each of the things that it serves. */
export type HeapShare = Readonly<{ what: string; count: number; bytes: number }>;

/** A heap as V8 writes it: flat rows of numbers, whose columns `meta` names. */
type Snapshot = Readonly<{
  snapshot: {
    meta: {
      node_fields: string[];
      node_types: [string[], ...unknown[]];
      edge_fields: string[];
      edge_types: [string[], ...unknown[]];
    };
  };
  nodes: number[];
  edges: number[];
  strings: string[];
}>;

/**
 * Adds up a heap by what its objects are: objects by their constructor, or by their properties if they have none of their own;
 * closures by their function; contexts by the variables that they keep; everything else, such as the table of a Map, by what it belongs
 * to. Pure.
 * @param pieces of a `.heapsnapshot`.
 */
export function sizesInHeap(pieces: readonly string[]): Map<string, HeapSize> {
  const heap = readHeap(JSON.parse(pieces.join("")) as Snapshot);
  const sizes = new Map<string, { count: number; bytes: number }>();
  for (let node = 0; node < heap.nodeCount; node++) {
    const what = nameOf(heap, node);
    const size = sizes.get(what) ?? { count: 0, bytes: 0 };
    sizes.set(what, size);
    size.count++;
    size.bytes += heap.bytesOf(node);
  }
  return sizes;
}

/** What `things` have added to the heap, for each of them, the most first. Less than a byte is left out. Pure. */
export function sharesOf(
  loaded: ReadonlyMap<string, HeapSize>,
  empty: ReadonlyMap<string, HeapSize>,
  things: number,
): HeapShare[] {
  return [...loaded]
    .map(([what, { count, bytes }]) => {
      const before = empty.get(what) ?? { count: 0, bytes: 0 };
      return { what, count: (count - before.count) / things, bytes: (bytes - before.bytes) / things };
    })
    .filter(({ bytes }) => bytes >= 1)
    .sort((a, b) => b.bytes - a.bytes);
}

type Edge = Readonly<{ type: string; name: string; to: number }>;
type Owner = Readonly<{ node: number; edge: Edge }>;
type Heap = ReturnType<typeof readHeap>;

function readHeap({ snapshot: { meta }, nodes, edges, strings }: Snapshot) {
  const nodeWidth = meta.node_fields.length;
  const edgeWidth = meta.edge_fields.length;
  const column = (name: string) => meta.node_fields.indexOf(name);
  const [typeAt, nameAt, sizeAt, edgeCountAt] = ["type", "name", "self_size", "edge_count"].map(column) as [
    number,
    number,
    number,
    number,
  ];
  const [nodeTypes, edgeTypes] = [meta.node_types[0], meta.edge_types[0]];
  const nodeCount = nodes.length / nodeWidth;
  const firstEdge = new Uint32Array(nodeCount + 1);
  for (let node = 0; node < nodeCount; node++)
    firstEdge[node + 1] = (firstEdge[node] ?? 0) + (nodes[node * nodeWidth + edgeCountAt] ?? 0);

  function edgeAt(index: number): Edge {
    const [type = 0, name = 0, to = 0] = edges.slice(index * edgeWidth, index * edgeWidth + 3);
    const typeName = edgeTypes[type] ?? "";
    const isNumbered = typeName === "element" || typeName === "hidden";
    const text = isNumbered ? "[]" : (strings[name] ?? "");
    // Entries of the table of a Map have numbers, too, though as names.
    return { type: typeName, name: /^\d+$/.test(text) ? "[]" : text, to: to / nodeWidth };
  }
  function* edgesOf(node: number): Generator<Edge> {
    for (let index = firstEdge[node] ?? 0; index < (firstEdge[node + 1] ?? 0); index++) yield edgeAt(index);
  }
  return {
    nodeCount,
    typeOf: (node: number) => nodeTypes[nodes[node * nodeWidth + typeAt] ?? 0] ?? "",
    nameOf: (node: number) => strings[nodes[node * nodeWidth + nameAt] ?? 0] ?? "",
    bytesOf: (node: number) => nodes[node * nodeWidth + sizeAt] ?? 0,
    edgesOf,
    owners: findOwners(nodeCount, edgesOf),
  };
}

/** The first thing that keeps each object alive. */
function findOwners(nodeCount: number, edgesOf: (node: number) => Iterable<Edge>): Map<number, Owner> {
  const owners = new Map<number, Owner>();
  for (let node = 0; node < nodeCount; node++) {
    for (const edge of edgesOf(node)) {
      if (edge.type !== "weak" && edge.type !== "shortcut" && !owners.has(edge.to)) owners.set(edge.to, { node, edge });
    }
  }
  return owners;
}

/** The names of collections say nothing without what they belong to. */
const collections: ReadonlySet<string> = new Set(["Map", "Set", "Array", "Promise", "Uint8Array", "ArrayBuffer"]);
/** From there on, what belongs to something that belongs to something is not named any more. */
const depthMax = 4;

function nameOf(heap: Heap, node: number, depth = 0): string {
  const [type, name] = [heap.typeOf(node), heap.nameOf(node)];
  if (name === "system / Context") return `Context {${listEdges(heap, node, "context")}}`;
  if (type === "closure" && name !== "") return `${name}()`;
  if (type === "object" && name === "Object") return `{${listEdges(heap, node, "property")}}`;
  if (type === "object" && !collections.has(name)) return name;
  return nameByOwner(heap, node, depth);
}

/** `{a, b}.b.table: array` is the table of the Map at `b`. */
function nameByOwner(heap: Heap, node: number, depth: number): string {
  const [type, name] = [heap.typeOf(node), heap.nameOf(node)];
  const kind = type === "object" ? name : type;
  const owner = heap.owners.get(node);
  if (!owner || depth >= depthMax) return kind;
  const place = `${nameOf(heap, owner.node, depth + 1).replace(/: \w+$/, "")}.${owner.edge.name}`;
  return `${place}: ${kind}`;
}

const hiddenNames: ReadonlySet<string> = new Set(["__proto__", "this"]);
const namesMax = 6;

function listEdges(heap: Heap, node: number, type: string): string {
  const names = [...heap.edgesOf(node)].filter((edge) => edge.type === type).map(({ name }) => name);
  const shown = [...new Set(names)].filter((name) => !hiddenNames.has(name));
  return [...shown.slice(0, namesMax), ...(shown.length > namesMax ? ["…"] : [])].join(", ");
}
