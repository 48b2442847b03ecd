import { openStore } from "../../services/store/store.js";

/**
 * A process that writes to an embedded database until it is killed: inserts 1, 2, 3… into the table `note` and prints each
 * number once it is committed. Its argument is the data directory.
 */
async function write(directory: string): Promise<void> {
  const { sql } = await openStore({ database: { kind: "embedded", directory } });
  await sql`create table if not exists note (number bigint primary key)`;
  const [row] = await sql<{ last: bigint }[]>`select coalesce(max(number), 0) as last from note`;
  for (let number = (row?.last ?? 0n) + 1n; ; number += 1n) {
    await sql`insert into note values (${number})`;
    process.stdout.write(`${number}\n`);
  }
}

await write(process.argv[2] ?? "");
