import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import { inTransaction, type Sql, type Transaction } from "../store/store.js";

/** A device's session, as the store knows it. */
export type OpenedSession = Readonly<{
  /** The device's number among its user's devices, from 1. */
  device: number;
  /** Raised by this login; whatever an older session has under way is refused from now on. */
  epoch: bigint;
  /** The last client_id whose outcome is stored. Read under the same lock under which the epoch was raised. */
  lastClientId: bigint;
}>;

type Opening = {
  userId: bigint;
  /** 1 to 64 bytes, made by the app. */
  deviceId: string;
  platform: string;
};

/**
 * Raises the device's epoch and reads its last client_id, in one transaction. A device that is new gets the next number.
 * @throws TidewireError `TOO_MANY_DEVICES`, or `UNAUTHENTICATED` if the user's account is gone.
 */
export async function openSession(
  options: { sql: Sql; clock: Clock; devicesPerUserMax: number },
  opening: Opening,
): Promise<OpenedSession> {
  const at = new Date(options.clock.nowMs());
  return await inTransaction(options.sql, async (tx) => {
    const known = await raiseEpoch(tx, opening, at);
    return known ?? (await addDevice(tx, opening, at, options.devicesPerUserMax));
  });
}

/** Locks the device row as appends do, so that nothing of the older session commits after this. */
async function raiseEpoch(tx: Transaction, opening: Opening, at: Date): Promise<OpenedSession | undefined> {
  const [row] = await tx<OpenedSession[]>`
    update device
    set epoch = epoch + 1, platform = ${opening.platform}, last_login_at = ${at}
    where user_id = ${opening.userId} and device_id = ${opening.deviceId}
    returning device, epoch, last_client_id as "lastClientId"`;
  return row;
}

/** The lock on the account row is what makes numbers unique and the count right; hence the second look after it. */
async function addDevice(tx: Transaction, opening: Opening, at: Date, devicesMax: number): Promise<OpenedSession> {
  const { userId, deviceId, platform } = opening;
  const [account] = await tx`select from account where user_id = ${userId} for no key update`;
  if (!account) throw new TidewireError(ErrorCode.UNAUTHENTICATED, "the account of this token does not exist any more");
  const added = await raiseEpoch(tx, opening, at);
  if (added) return added;
  // Number 0 is the API's and counts for nothing here.
  const [present] = await tx<Array<{ count: number; last: number }>>`
    select count(*)::integer as count, coalesce(max(device), 0)::integer as last
    from device where user_id = ${userId} and device > 0`;
  const { count, last } = present ?? { count: 0, last: 0 };
  if (count >= devicesMax) {
    throw new TidewireError(ErrorCode.TOO_MANY_DEVICES, `this user has ${count} devices, as many as it may have`);
  }
  await tx`
    insert into device (user_id, device, device_id, platform, epoch, last_login_at)
    values (${userId}, ${last + 1}, ${deviceId}, ${platform}, 1, ${at})`;
  return { device: last + 1, epoch: 1n, lastClientId: 0n };
}
