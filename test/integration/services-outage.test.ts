import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { failsWith } from "../support/errors.js";
import { sharedPostgres } from "../support/postgres.js";
import { startServices } from "../support/services.js";

describe("services whose database goes away", () => {
  it("say that they are unavailable, log nobody out, and go on when it is back", async () => {
    await using world = await startServices();
    const postgres = await sharedPostgres();
    const ann = await world.registerUser("ann");
    const { group } = await ann.groups.createGroup({ title: "x" });
    const conversationId = group?.conversationId ?? 0n;
    const calls = [
      () => ann.accounts.getProfiles({}),
      () => ann.groups.leaveGroup({ conversationId }),
      () => ann.conversations.getHistory({ conversationId }),
      () => world.accounts.refresh({ refreshToken: ann.refreshToken }),
      () => world.accounts.openSession({ token: ann.accessToken, deviceId: "phone" }),
      () => world.conversations.markRead({ userId: ann.userId, cursors: [{ conversationId, seq: 1n }] }),
    ];
    await postgres.stop("immediate");
    for (const call of calls) await assert.rejects(call, failsWith(ErrorCode.UNAVAILABLE));
    await postgres.start();
    for (const call of calls) await call();
  });
});
