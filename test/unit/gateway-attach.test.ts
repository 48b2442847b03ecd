import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { GatewayContext } from "../../gateway/context.js";
import { createHub } from "../../gateway/hub/hub.js";
import { attachSession } from "../../gateway/session-calls.js";
import { InterestSchema, ListInterestsResponseSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import type { LeaseState, Routes } from "../../runtime/fabric/fabric.js";
import { createMemoryRoutes } from "../../runtime/fabric/memory-routes.js";
import { silentLogger } from "../../runtime/log.js";
import { localSession } from "../support/local-session.js";

/** A session of a user who is in conversation 9, being attached to a fabric that takes its time for one operation. */
function world(slow: "attach" | "want") {
  let answer = () => {};
  const slowly = () =>
    new Promise<LeaseState>((resolve) => {
      answer = () => resolve("begun");
    });
  const routes: Routes = { ...createMemoryRoutes(() => 0), [slow]: slowly };
  const hub = createHub({ gateway: "g1", routes, leaseMs: 1_000, onError: assert.fail });
  const interests = [create(InterestSchema, { conversationId: 9n, rosterSeq: 1n })];
  const context = {
    ...{ hub, log: silentLogger, call: () => ({}) },
    conversations: { listInterests: async () => create(ListInterestsResponseSchema, { interests }) },
  } as unknown as GatewayContext;
  const told: string[] = [];
  void attachSession(context, localSession(7n)).then(({ kind }) => told.push(kind));
  return { answer: () => answer(), told };
}

/** Lets promises settle. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("attaching a session", () => {
  for (const [slow, what] of [
    ["attach", "its route"],
    ["want", "the conversations that it listens to"],
  ] as const) {
    it(`ends once the fabric knows ${what}, and not before`, async () => {
      const { answer, told } = world(slow);
      await settle();
      assert.deepEqual(told, []);
      answer();
      await settle();
      assert.deepEqual(told, ["attached"]);
    });
  }
});
