/** Logins under way at a time: below what a gateway allows one address, so that its limits need not be raised. */
export const loginsMax = 16;

/** As `Promise.all(items.map(work))`, but with at most `max` under way at a time. */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  max: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: max }, worker));
  return results;
}
