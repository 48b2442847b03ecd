import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { AppendRow, AppendSender } from "../../../services/message/append.js";
import { bigints, type Queryable } from "../../../services/store/store.js";
import type { Seat } from "../generator/generator-calls.js";
import { textOf } from "../generator/workload.js";

/** The device of everybody whose messages are appended straight to the store; no session of it was ever opened. */
export const appendDevice = 1;
const epoch = 1n;

/** Gives each user that device. */
export async function openDevices(sql: Queryable, userIds: readonly bigint[]): Promise<void> {
  await sql`
    insert into device (user_id, device, device_id, epoch)
    select user_id, ${appendDevice}, 'straight', ${epoch} from unnest(${bigints(userIds)}::bigint[]) as user_id`;
}

export function toAppendSender({ userId }: Pick<Seat, "userId">): AppendSender {
  return { userId, device: appendDevice, epoch };
}

/**
 * @property index of the sender among those of its batch
 * @property number of the message among those of its sender, from 1
 */
export type AppendPlace = Pick<Seat, "userId" | "conversationId"> & Readonly<{ index: number; number: number }>;

/** A message with the text that a load generator would give it. */
export function toAppendRow(place: AppendPlace, messageId: bigint, textBytes: number): AppendRow {
  const text = textOf(place.number, place.userId, textBytes);
  return {
    sender: place.index,
    clientId: BigInt(place.number),
    conversationId: place.conversationId,
    messageId,
    refused: ErrorCode.UNSPECIFIED,
    countable: true,
    content: toBinary(ContentSchema, create(ContentSchema, { body: { case: "text", value: { text } } })),
    digest: undefined,
  };
}
