import { join } from "node:path";
import { type Api, createApi } from "../../clients/typescript/src/index.js";
import { testPassword } from "../support/server.js";
import type { DeviceSetup } from "./device.js";
import type { Place } from "./note.js";

/** The users of a run, and where they talk. Users and devices are numbered from 0; device n is user n's, as far as there are users. */
export type Population = Readonly<{
  users: readonly User[];
  devices: number;
  /** All groups whose members stay: the small ones, then the one of everybody. */
  groups: readonly Group[];
  /** The one of everybody. */
  square: Group;
  /** Its guests come and go. The others of its members stay. */
  door: Group & Readonly<{ owner: User; guests: readonly User[] }>;
}>;

export type User = Readonly<{ number: number; name: string; userId: string; token: string; api: Api }>;
export type Group = Readonly<{ conversationId: string; members: ReadonlySet<number> }>;

/** The others are second devices of the first users. */
const usersShare = 0.9;
const homeSize = 10;
const guestsMax = 8;
/** Distances in the circle of users to those whom one talks to alone. */
const peerDistances = [1, 7];
/** Limits of the API: users of one call. */
const perCreateMax = 199;
const perAddMax = 200;

/** Registers everybody and opens the groups. */
export async function populate(url: string, devices: number): Promise<Population> {
  const users: User[] = [];
  for (let number = 0; number < Math.ceil(devices * usersShare); number += 1) users.push(await register(url, number));
  const homes = Math.ceil(users.length / homeSize);
  const groups: Group[] = [];
  for (let home = 0; home < homes; home += 1) {
    groups.push(
      await openGroup(
        `home ${home}`,
        users.filter(({ number }) => number % homes === home),
      ),
    );
  }
  const square = await openGroup("square", users);
  const [owner, ...others] = users;
  if (!owner) throw new Error("a run needs users");
  const guests = others.slice(0, guestsMax);
  const door = { ...(await openGroup("door", [owner])), owner, guests };
  return { users, devices, groups: [...groups, square], square, door };
}

/** @param ports of the devices' own proxies, by device */
export function toSetups(
  { users, devices, groups, door }: Population,
  { ports, directory }: { ports: readonly number[]; directory: string },
): DeviceSetup[] {
  return Array.from({ length: devices }, (_, number) => {
    const user = users[number % users.length] as User;
    const homes = groups.slice(0, -1).filter(({ members }) => members.has(user.number));
    const peers = peerDistances.map((distance) => users[(user.number + distance) % users.length] as User);
    const isGuest = door.guests.includes(user);
    const places: Place[] = [
      ...homes.flatMap((home) => Array<Place>(5).fill(toPlace(home))),
      ...peers.filter((peer) => peer !== user).map(({ userId }): Place => ({ to: "user", userId })),
      ...groups.slice(-1).map(toPlace),
      ...(isGuest ? [toPlace(door)] : []),
    ];
    const deviceId = `${user.name}-${number < users.length ? "phone" : "tablet"}`;
    const { userId, token } = user;
    const port = ports[number] ?? 0;
    return { number, deviceId, userId, token, port, directory: join(directory, deviceId), places };
  });
}

/** The devices whose users are members. */
export function devicesOf({ users, devices }: Population, { members }: Group): number[] {
  const all = Array.from({ length: devices }, (_, number) => number);
  return all.filter((number) => members.has(number % users.length));
}

/** Where a device's user is at home: a small group that nobody leaves. */
export function homeOf({ users, groups, square }: Population, device: number): Group {
  return groups.find(({ members }) => members.has(device % users.length)) ?? square;
}

export function toPlace({ conversationId }: Group): Place {
  return { to: "conversation", conversationId };
}

async function register(url: string, number: number): Promise<User> {
  const name = `user${number}`;
  const { profile, tokens } = await createApi({ url }).account.register({ name, password: testPassword });
  const token = tokens?.accessToken ?? "";
  return { number, name, userId: String(profile?.userId), token, api: createApi({ url, token: () => token }) };
}

async function openGroup(title: string, members: readonly User[]): Promise<Group> {
  const [owner, ...others] = members;
  if (!owner) throw new Error("a group needs an owner");
  const userIds = others.map(({ userId }) => BigInt(userId));
  const { group } = await owner.api.group.createGroup({ title, userIds: userIds.slice(0, perCreateMax) });
  const conversationId = group?.conversationId ?? 0n;
  for (let added = perCreateMax; added < userIds.length; added += perAddMax) {
    await owner.api.group.addMembers({ conversationId, userIds: userIds.slice(added, added + perAddMax) });
  }
  return { conversationId: String(conversationId), members: new Set(members.map(({ number }) => number)) };
}
