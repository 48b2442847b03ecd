/** What a server in a process of its own does on request, for a test that counts what it holds. */
export type CountedServerCalls = {
  /** Starts it on a PostgreSQL server, and returns its port. */
  start(request: { databaseUrl: string; tokenKey: string; dataDir: string }): Promise<number>;
  /** Lets time pass, without waiting for it. */
  leap(request: { ms: number }): Promise<void>;
  /** Open WebSockets. */
  connections(request: undefined): Promise<number>;
  /** After garbage collection. */
  takeStock(request: undefined): Promise<ServerStock>;
  /** Stops it, and tells what it still holds. */
  stop(request: undefined): Promise<ServerStock>;
};

/** What a server holds. */
export type ServerStock = Readonly<{
  sizes: Readonly<Record<string, number>>;
  gauges: Readonly<Record<string, number>>;
  /** Of its clock, that of its timing wheel among them. */
  timers: number;
  openFiles: number;
  heapBytes: number;
}>;
