import assert from "node:assert/strict";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Stored, UpAck } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { LoggedIn, TestServer, TestUser } from "./server.js";
import type { WireClient } from "./wire-client.js";
import type { ClientFrameInit } from "./wire-framing.js";

export type Target = { case: "conversationId" | "peerUserId"; value: bigint };

/** A well-behaved pair of users beside the bad input under test: what it does must go on as if nothing had happened. */
export interface Witness {
  readonly user: TestUser;
  readonly peer: TestUser;
  readonly conversationId: bigint;
  /** Stores one more message and waits for its ack and its push to the peer. */
  say(words: string): Promise<Stored>;
  /**
   * Fails unless a new message still goes all the way on the connections opened at first, and the conversation holds
   * exactly what was acknowledged, in order.
   */
  assertUnharmed(): Promise<void>;
}

/** Opens the witness's conversation on two connections, with a first message in it. */
export async function createWitness(server: TestServer, name = "witness"): Promise<Witness> {
  const [user, peer] = [await server.register(`${name}-a`), await server.register(`${name}-b`)];
  const [sender, receiver] = [await server.connect(user), await server.connect(peer)];
  const target: Target = { case: "peerUserId", value: peer.userId };
  const said: string[] = [];

  async function say(words: string): Promise<Stored> {
    sender.send(text(BigInt(said.length + 1), target, words));
    said.push(words);
    const stored = storedOf(await sender.outcome());
    const message = await nextIn(stored.conversationId);
    assert.deepEqual([message.seq, textOf(message)], [stored.seq, words]);
    return stored;
  }

  /** Tests may write to the peer as well, in conversations of their own. */
  async function nextIn(conversationId: bigint): Promise<Message> {
    for (;;) {
      const { message } = await receiver.next("push");
      if (message?.conversationId === conversationId) return message;
    }
  }

  const { conversationId } = await say("before");
  return {
    user,
    peer,
    conversationId,
    say,
    async assertUnharmed() {
      await say(`after ${said.length}`);
      const log = await readLog(server, peer, conversationId);
      const expected = said.map((words, index) => [BigInt(index + 1), words]);
      assert.deepEqual(log, expected);
    },
  };
}

/** What the store holds of a conversation, at most its last 200 entries: seq and words of each. */
export async function readLog(server: TestServer, reader: TestUser, conversationId: bigint) {
  const { messages } = await server.api(reader.token).conversation.getHistory({ conversationId, limit: 200 });
  return messages.map((message) => [message.seq, textOf(message)]);
}

/** An `up_msg` with words in it. */
export function text(clientId: bigint, target: Target, words: string): ClientFrameInit {
  return {
    frame: { case: "upMsg", value: { clientId, target, content: { body: { case: "text", value: { text: words } } } } },
  };
}

export function textOf(message: Message | undefined): string | undefined {
  return message?.content?.body.case === "text" ? message.content.body.value.text : undefined;
}

/** @throws AssertionError if the message was refused. */
export function storedOf({ clientId, outcome }: Pick<UpAck, "clientId" | "outcome">): Stored {
  assert.equal(outcome.case, "stored", `${clientId} was ${outcome.case} ${outcome.value}`);
  return outcome.case === "stored" ? outcome.value : assert.fail();
}

/** Fails unless the next ack is the refusal of this id with this code. */
export async function assertRefused(device: WireClient, clientId: bigint, code: ErrorCode): Promise<void> {
  const ack = await device.next("upAck");
  assert.deepEqual([ack.clientId, ack.outcome.case], [clientId, "refused"]);
  assert.equal(ErrorCode[Number(ack.outcome.value)], ErrorCode[code]);
}

/** Fails unless the server says what is wrong, in words that match, and closes with this code. */
export async function assertClosed(
  device: WireClient,
  expected: { error: ErrorCode; advice: RegExp; close: CloseCode },
): Promise<void> {
  const error = await device.next("error");
  assert.equal(ErrorCode[error.code], ErrorCode[expected.error], error.advice);
  assert.match(error.advice, expected.advice);
  assert.ok(Buffer.byteLength(error.advice) <= 200, error.advice);
  assert.equal(error.closing, true);
  const closed = await device.closed;
  assert.equal(CloseCode[closed.code], CloseCode[expected.close]);
  assert.notEqual(closed.reason, "");
}

/** Resolves when the server has taken everything that was sent before. */
export async function heartbeat(device: WireClient | LoggedIn): Promise<void> {
  device.send({ frame: { case: "heartbeat", value: { clientTimeMs: 1n } } });
  await device.next("heartbeatOk");
}
