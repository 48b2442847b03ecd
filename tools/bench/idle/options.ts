import { count, type OptionsOf, path } from "../flags.js";

export const idleFlags = {
  connections: count("connections", "connections that are logged in and idle", [1, 19_000], 15_000),
  rounds: count("rounds", "rounds that count: all connect, all leave", [1, 1_000], 5),
  generators: count("generators", "processes that share the devices", [1, 8], 1),
  snapshotFile: path(
    "heap-snapshot",
    "FILE",
    "after the rounds, write the server's heap into FILE, and print what it holds for each connection",
  ),
};
export type IdleOptions = OptionsOf<typeof idleFlags>;
