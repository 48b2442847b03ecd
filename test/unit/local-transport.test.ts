import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, isMessage } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createClient,
  createContextKey,
  createContextValues,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { ErrorCode, ErrorDetailSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  MessageService,
  OutcomeSchema,
  SubmissionSchema,
  SubmitBatchRequestSchema,
} from "../../gen/ts/tidewire/v1/message_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { createLocalTransport } from "../../runtime/local-transport.js";
import { createManualClock } from "../support/clock.js";

type Implementation = Partial<ServiceImpl<typeof MessageService>>;

function clientOf(implementation: Implementation, interceptors: Interceptor[] = [], clock = systemClock) {
  const transport = createLocalTransport(
    (registry) => registry.service(MessageService, implementation, { interceptors }),
    clock,
  );
  return createClient(MessageService, transport);
}

const never = () => new Promise<never>(() => {});

describe("the local transport", () => {
  it("hands over the very request, and makes a message of the answer", async () => {
    const request = create(SubmitBatchRequestSchema, { submissions: [create(SubmissionSchema, { clientId: 7n })] });
    const messages = clientOf({
      submitBatch(seen) {
        assert.equal(seen, request);
        return { outcomes: [{ duplicate: true }] };
      },
    });
    const { outcomes } = await messages.submitBatch(request);
    assert.equal(outcomes.length, 1);
    assert.ok(isMessage(outcomes[0], OutcomeSchema));
    assert.equal(outcomes[0].duplicate, true);
  });

  it("makes a message of a request that is none yet", async () => {
    const messages = clientOf({
      sync(seen) {
        assert.equal(seen.$typeName, "tidewire.v1.SyncRequest");
        return { page: new Uint8Array([1]) };
      },
    });
    assert.deepEqual((await messages.sync({ userId: 1n })).page, new Uint8Array([1]));
  });

  it("runs interceptors, the first one outermost, with headers and values of the call", async () => {
    const key = createContextKey("none");
    const seen: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      async (request) => {
        seen.push(`${name} ${request.url} ${request.header.get("authorization")}`);
        request.contextValues.set(key, name);
        const response = await next(request);
        seen.push(`${name} ends`);
        return response;
      };
    const messages = clientOf(
      {
        entries(_, context) {
          seen.push(`handler ${context.values.get(key)} ${context.requestHeader.get("authorization")}`);
          return {};
        },
      },
      [named("outer"), named("inner")],
    );
    const url = "https://in-memory/tidewire.v1.MessageService/Entries";
    await messages.entries({}, { headers: { authorization: "me" }, contextValues: createContextValues() });
    assert.deepEqual(seen, [`outer ${url} me`, `inner ${url} me`, "handler inner me", "inner ends", "outer ends"]);
  });

  it("passes errors on with their details, and makes internal ones of all others", async () => {
    const value = { code: ErrorCode.RATE_LIMITED, retryAfterMs: 5 };
    const error = new ConnectError("slowly", Code.ResourceExhausted, undefined, [{ desc: ErrorDetailSchema, value }]);
    const messages = clientOf({
      sync() {
        throw error;
      },
      heads() {
        throw new TypeError("oops");
      },
    });
    await assert.rejects(messages.sync({}), (seen) => {
      assert.ok(seen instanceof ConnectError);
      assert.equal(seen.code, Code.ResourceExhausted);
      assert.equal(seen.findDetails(ErrorDetailSchema)[0]?.retryAfterMs, 5);
      return true;
    });
    await assert.rejects(messages.heads({}), (seen) => seen instanceof ConnectError && seen.code === Code.Internal);
  });

  it("says of a method that nobody serves that it is not there", async () => {
    const isUnimplemented = (seen: unknown) => seen instanceof ConnectError && seen.code === Code.Unimplemented;
    await assert.rejects(clientOf({}).sync({}), isUnimplemented);
  });

  it("gives up at the deadline, however long the call takes", async () => {
    const clock = createManualClock();
    const answer = clientOf({ sync: never }, [], clock).sync({}, { timeoutMs: 1_000 });
    await clock.settle(999);
    const early = await Promise.race([answer.catch(() => "late"), Promise.resolve("under way")]);
    assert.equal(early, "under way");
    await clock.settle(1);
    await assert.rejects(answer, (seen) => seen instanceof ConnectError && seen.code === Code.DeadlineExceeded);
  });

  it("gives up when its caller does, and does not begin if it has already", async () => {
    const isCanceled = (seen: unknown) => seen instanceof ConnectError && seen.code === Code.Canceled;
    const caller = new AbortController();
    const answer = clientOf({ sync: never }).sync({}, { signal: caller.signal });
    caller.abort();
    await assert.rejects(answer, isCanceled);
    const unused = clientOf({ sync: () => assert.fail("it began") });
    await assert.rejects(unused.sync({}, { signal: caller.signal }), isCanceled);
  });
});
