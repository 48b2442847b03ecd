import type { WebSocketConstructor } from "../../clients/typescript/src/shell.js";
import { ModelServer, noFaults } from "./model-server.js";

/** WebSockets that end in a model server of this process, each message in a turn of its own. */
export function createFakeNetwork() {
  const later = (_delayMs: number, run: () => void) => void setImmediate(run);
  const server = new ModelServer({ random: () => 0.5, later, faults: { ...noFaults } });
  const sockets = new Set<FakeSocket>();
  let isDown = false;

  class FakeSocket extends EventTarget {
    binaryType = "blob";
    readonly #session;

    constructor(_url: string, _protocol: string) {
      super();
      sockets.add(this);
      this.#session = server.connect((bytes) => setImmediate(() => this.#deliver(bytes)));
      setImmediate(() => (isDown ? this.end(1006) : this.dispatchEvent(new Event("open"))));
    }

    send(data: Uint8Array): void {
      const copy = new Uint8Array(data);
      setImmediate(() => server.receive(this.#session, copy));
    }

    close(): void {
      this.end(1000);
    }

    end(code: number): void {
      if (!sockets.delete(this)) return;
      server.disconnect(this.#session);
      this.dispatchEvent(Object.assign(new Event("close"), { code }));
    }

    #deliver(bytes: Uint8Array): void {
      if (!sockets.has(this)) return;
      this.dispatchEvent(Object.assign(new Event("message"), { data: new Uint8Array(bytes).buffer }));
    }
  }

  return {
    server,
    webSocket: FakeSocket as unknown as WebSocketConstructor,
    /** Ends every connection. */
    cut(code = 1006): void {
      for (const socket of [...sockets]) socket.end(code);
    },
    /** While down, nobody gets a connection. */
    setDown(down: boolean): void {
      isDown = down;
    },
  };
}
