import type { Flow } from "../downlink/flow.js";
import type { Identity, SessionEvent } from "../session/state.js";

/** A session with a known user, as the rest of the gateway sees it. */
export interface LocalSession {
  readonly identity: Identity;
  /** Owned by the downlink. */
  flow: Flow;
  /** Owned by the downlink: active conversations that this session gets by user, or has left; made for the first. */
  pushed: Set<bigint> | undefined;
  /** Sends encoded frames to this socket alone, as one WebSocket message. */
  send(frames: Uint8Array): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  dispatch(event: SessionEvent): void;
}

export function notePushed(session: LocalSession, conversationId: bigint): void {
  session.pushed ??= new Set();
  session.pushed.add(conversationId);
}
