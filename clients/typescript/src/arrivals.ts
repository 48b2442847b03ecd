import type { CoreEvent } from "./core.js";
import { hasPackedPage, unpackPages } from "./packed-pages.js";

/** What a socket tells. */
export type SocketEvent = Extract<CoreEvent, { kind: "socket-opened" | "socket-message" | "socket-closed" }>;

/** Hands on what a socket tells, in order: at once, unless a page that came before is still being unpacked. */
export interface Arrivals {
  take(event: SocketEvent): void;
  /** Nobody wants to hear of this socket any more. */
  drop(): void;
}

/** Far more than a server may send while a page is being unpacked, unless something has got stuck. In bytes. */
const waitingMaxBytes = 4_194_304;

/** Stands for whatever cannot be understood: it is refused as what it is, bytes that are not frames. */
export const notFrames = Uint8Array.of(255);

export function createArrivals(handle: (event: SocketEvent) => void): Arrivals {
  let waiting: SocketEvent[] = [];
  let waitingBytes = 0;
  let isUnpacking = false;
  let isDropped = false;

  function take(event: SocketEvent): void {
    if (isDropped) return;
    if (isUnpacking) wait(event);
    else if (event.kind === "socket-message" && hasPackedPage(event.bytes)) void unpack(event);
    else handle(event);
  }

  function wait(event: SocketEvent): void {
    waiting.push(event);
    if (event.kind === "socket-message") waitingBytes += event.bytes.length;
    if (waitingBytes <= waitingMaxBytes) return;
    drop();
    handle({ kind: "socket-message", socket: event.socket, bytes: notFrames });
  }

  async function unpack(event: SocketEvent & { kind: "socket-message" }): Promise<void> {
    isUnpacking = true;
    const bytes = await unpackPages(event.bytes).catch(() => notFrames);
    isUnpacking = false;
    if (isDropped) return;
    handle({ ...event, bytes });
    const next = waiting;
    waiting = [];
    waitingBytes = 0;
    for (const later of next) take(later);
  }

  function drop(): void {
    isDropped = true;
    waiting = [];
  }

  return { take, drop };
}
