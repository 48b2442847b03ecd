/** The raw server, for whoever forks it. */
export const rawServerModule = new URL("./raw-server.js", import.meta.url);

/** What the raw server does on request. */
export type RawServerCalls = {
  /** Listens on a free loopback port and returns it. */
  listen(request: undefined): Promise<number>;
  /** What to publish whenever a subscriber sends anything. */
  load(request: { messages: readonly Uint8Array[] }): Promise<void>;
};
