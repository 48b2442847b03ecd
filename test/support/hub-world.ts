import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { createHub } from "../../gateway/hub/hub.js";
import type { ListeningObserver } from "../../gateway/hub/listeners.js";
import { InterestSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { createMemoryRoutes } from "../../runtime/fabric/memory-routes.js";

/** As short as a test wants to wait, in milliseconds. */
export const leaseMs = 1_000;

/** A hub on the memory fabric's routes, and what others see of it there. */
export function createHubWorld(observer?: ListeningObserver) {
  let nowMs = 0;
  const routes = createMemoryRoutes(() => nowMs);
  const hub = createHub({ gateway: "g1", routes, leaseMs, ...(observer && { observer }), onError: assert.fail });
  return {
    hub,
    routes,
    advance(ms: number) {
      nowMs += ms;
    },
    async isWanted(conversationId: bigint) {
      return (await routes.gatewaysWanting(conversationId)).includes("g1");
    },
    async serves(userId: bigint) {
      return (await routes.gatewaysOf([userId])).has("g1");
    },
  };
}

/** What the store says of a conversation that a user is to listen to. */
export const interest = (conversationId: bigint, rosterSeq = 1n) =>
  create(InterestSchema, { conversationId, rosterSeq });
