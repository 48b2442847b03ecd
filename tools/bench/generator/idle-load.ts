import type { Credentials, IdleRequest } from "./generator-calls.js";
import { openLeanSocket, toCloseMessage } from "./lean-socket.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { openMember } from "./member.js";

/** Connections that are there, and do no more than they have to. */
export interface IdleLoad {
  /** @throws Error if one is not let in. */
  open(request: IdleRequest): Promise<void>;
  /**
   * Resolves when each device has had a heartbeat answered.
   * @throws Error if a connection has been lost since it was opened.
   */
  check(): Promise<void>;
  /** Takes leave, and resolves when the server has closed all. */
  close(): Promise<void>;
}

/** Hardly anything is said to an idle device. */
const inboxBytes = 0;

type Connection = { leave(): void; check(): Promise<void> };

export function createIdleLoad(): IdleLoad {
  const connections = new Set<Connection>();
  const lost: string[] = [];
  let phase: { kind: "open" } | { kind: "closing"; closed: () => void } = { kind: "open" };

  /** Opens one, which is kept until `lost` is called. */
  async function keep(open: (lost: (reason: string) => void) => Promise<Connection>): Promise<void> {
    let connection: Connection | undefined;
    connection = await open((reason) => {
      if (!connection || !connections.delete(connection)) return;
      if (phase.kind === "open") lost.push(reason);
      else if (connections.size === 0) phase.closed();
    });
    connections.add(connection);
  }

  return {
    async open(request) {
      phase = { kind: "open" };
      const { port } = request;
      const opens =
        request.kind === "devices"
          ? request.credentials.map((one) => () => keep((lost) => openDevice(port, one, lost)))
          : Array.from({ length: request.sockets }, () => () => keep((lost) => openBareSocket(port, lost)));
      await mapBounded(opens, loginsMax, (open) => open());
    },
    async check() {
      if (lost.length === 0) await Promise.all([...connections].map((connection) => connection.check()));
      if (lost.length > 0) throw new Error(`${lost.length} idle connections were lost: ${lost[0]}`);
    },
    close() {
      if (connections.size === 0) return Promise.resolve();
      return new Promise((closed) => {
        phase = { kind: "closing", closed };
        for (const { leave } of connections) leave();
      });
    },
  };
}

/** Asks for its heads once, as every device does, and then sends heartbeats. It takes part in no conversation. */
async function openDevice(port: number, { token, deviceId }: Credentials, lost: (reason: string) => void) {
  const member = await openMember({ port, token, deviceId, conversationId: 0n, inboxBytes, delivered() {}, lost });
  member.askHeads();
  return { leave: () => member.leave("close"), check: member.heartbeat };
}

async function openBareSocket(port: number, lost: (reason: string) => void): Promise<Connection> {
  const socket = await openLeanSocket({
    host: "127.0.0.1",
    port,
    path: "/bare",
    subprotocol: undefined,
    inboxBytes,
    received() {},
    lost,
  });
  return { leave: () => socket.write(toCloseMessage()), check: () => Promise.resolve() };
}
