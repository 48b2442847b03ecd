/** A value in a nested object, and how to get there. */
export type Leaf = Readonly<{ path: readonly string[]; value: unknown }>;

/** All that lies in `value` and has no parts of its own. A list is one leaf, whatever it holds, and so is an empty object. */
export function leavesOf(value: unknown, path: readonly string[] = []): Leaf[] {
  const parts = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (parts.length === 0) return [{ path, value }];
  return parts.flatMap(([name, inner]) => leavesOf(inner, [...path, name]));
}
