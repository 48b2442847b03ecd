import { type Connection, createConnection } from "./connection.js";
import type { GatewayContext } from "./context.js";
import type { Socket, SocketHandler } from "./server/server.js";
import type { SessionEvent } from "./session/state.js";

/** All open WebSockets of a gateway. */
export interface Connections {
  readonly count: number;
  open(socket: Socket): SocketHandler;
  /** Tells every session of something that concerns all. */
  dispatch(event: () => SessionEvent): void;
  /** Resolves once none is left, or when the signal is aborted. */
  gone(signal: AbortSignal): Promise<void>;
}

export function createConnections(context: GatewayContext): Connections {
  const connections = new Set<Connection>();
  let whenGone: () => void = () => {};

  function over(connection: Connection) {
    connections.delete(connection);
    context.metrics.connections.dec();
    if (connections.size === 0) whenGone();
  }

  return {
    get count() {
      return connections.size;
    },
    open(socket) {
      const connection = createConnection(socket, context, over);
      connections.add(connection);
      context.metrics.connections.inc();
      return connection;
    },
    dispatch(event) {
      for (const connection of [...connections]) connection.dispatch(event());
    },
    gone(signal) {
      if (connections.size === 0 || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        whenGone = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
  };
}
