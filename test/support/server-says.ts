import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { DeviceWorld, pushOf, textMessage } from "./device-world.js";

/** The conversation that all of these are about unless told otherwise. */
export const conversationId = 1n;

function seqs(messages: Message[]): bigint[] {
  return messages.map((message) => message.seq);
}

export function held(world: DeviceWorld, id = conversationId): bigint[] {
  return seqs(world.table.messages(id, 0n, 10_000));
}

export function push(...numbers: number[]) {
  return numbers.map((number) => pushOf(textMessage(BigInt(number))));
}

export function page(requestId: bigint, numbers: number[], fields: { headSeq?: bigint; hasMore?: boolean } = {}) {
  const messages = numbers.map((number) => textMessage(BigInt(number)));
  const headSeq = fields.headSeq ?? BigInt(numbers.at(-1) ?? 0);
  return {
    case: "syncPage" as const,
    value: { requestId, conversationId, messages, headSeq, hasMore: fields.hasMore ?? false },
  };
}

export function heads(entries: { id: bigint; head: bigint; read?: bigint }[], fields: Record<string, unknown> = {}) {
  return {
    case: "headsPage" as const,
    value: {
      heads: entries.map(({ id, head, read = 0n }) => ({
        conversationId: id,
        headSeq: head,
        headCounter: head,
        readSeq: read,
        readCounter: read,
        isMember: true,
        preview: { conversationId: id, seq: head, messageId: id * 1_000n + head },
      })),
      ...fields,
    },
  };
}

/** A device that is logged in, has its heads, and holds messages 1 to `count`. */
export function holding(count: number): DeviceWorld {
  const world = new DeviceWorld({ random: () => 0 }).login();
  world.say(heads([{ id: conversationId, head: 0n }], { requestId: 1n, watermark: 1n }));
  world.say(...push(...Array.from({ length: count }, (_, index) => index + 1)));
  world.advance(1_000);
  world.sent();
  return world;
}
