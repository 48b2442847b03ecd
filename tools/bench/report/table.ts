/** Room for "1234.5". */
const VALUE_WIDTH = 6;

/** A table for people: the first column flush left, the others flush right. `rows` are as long as `titles`. */
export function toTable(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map(([first = "", ...rest]) => {
    const cells = rest.map((cell, index) => cell.padStart(Math.max(widths[index + 1] ?? 0, VALUE_WIDTH) + 2));
    return `  ${first.padEnd(Math.max(widths[0] ?? 0, VALUE_WIDTH))}${cells.join("")}`.trimEnd();
  });
}

/** The least and the greatest of these values. */
export function toRange(values: readonly number[], digits = 1): string {
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
}
