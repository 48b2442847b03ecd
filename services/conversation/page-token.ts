import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** Where a page of conversations ended: the transaction that changed the last one, and its id to settle ties. */
export type PageKey = Readonly<{ changed: bigint; conversationId: bigint }>;

const bigintMax = 0x7fff_ffff_ffff_ffffn;

/** At most 40 bytes. */
export function formatPageToken(key: PageKey): string {
  return `${key.changed}.${key.conversationId}`;
}

/**
 * Empty: the first page, which begins above all keys.
 * @throws TidewireError `INVALID_ARGUMENT`
 */
export function parsePageToken(token: string): PageKey {
  if (token === "") return { changed: bigintMax, conversationId: bigintMax };
  const [, changed, conversationId] = /^(\d{1,19})\.(\d{1,19})$/.exec(token) ?? [];
  if (changed === undefined || conversationId === undefined) throw invalid();
  const key = { changed: BigInt(changed), conversationId: BigInt(conversationId) };
  if (key.changed > bigintMax || key.conversationId > bigintMax) throw invalid();
  return key;
}

function invalid(): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, "page_token: not a token of this server");
}
