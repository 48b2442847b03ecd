import type { Clock } from "../../runtime/clock.js";
import type { Crews } from "./crews.js";
import type { Database } from "./database.js";
import type { Population } from "./population.js";
import type { Server } from "./server.js";
import type { TcpProxy } from "./tcp-proxy.js";

/** Everything that runs, for faults to happen to. */
export type World = Readonly<{
  database: Database;
  server: Server;
  population: Population;
  /** By device. */
  proxies: readonly TcpProxy[];
  crews: Crews;
  clock: Clock;
  /** Aborted when the run is to stop. */
  signal: AbortSignal;
}>;
