import { newFlow } from "../../gateway/downlink/flow.js";
import type { LocalSession } from "../../gateway/hub/local-session.js";
import type { Identity, SessionEvent } from "../../gateway/session/state.js";
import { ann } from "./session-world.js";

/** A session as the hub sees it, with topics that a test can look at. */
export interface RecordedSession extends LocalSession {
  readonly topics: Set<string>;
  readonly events: SessionEvent[];
  /** WebSocket messages that were sent to this session alone. */
  readonly sent: Uint8Array[];
}

/** A session of this user, with device 1 and epoch 1 unless told otherwise. */
export function localSession(userId: bigint, options: Partial<Identity> = {}): RecordedSession {
  const topics = new Set<string>();
  const events: SessionEvent[] = [];
  const sent: Uint8Array[] = [];
  return {
    identity: { ...ann, userId, device: 1, epoch: 1n, ...options },
    topics,
    events,
    sent,
    flow: newFlow,
    pushed: new Set(),
    send: (frames) => void sent.push(frames),
    subscribe: (topic) => void topics.add(topic),
    unsubscribe: (topic) => void topics.delete(topic),
    dispatch: (event) => void events.push(event),
  };
}
