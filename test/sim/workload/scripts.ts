import type { Script } from "../config.js";
import type { SimDevice } from "../devices/device.js";
import type { Random } from "../engine/random.js";
import type { World } from "../world.js";

/** What a script works with. */
type Scene = Readonly<{
  world: World;
  random: Random;
  /** The users of its conversation, the group's owner first. */
  users: readonly number[];
  conversation: number;
}>;

/** Plans what apps do from now until `untilMs`. */
export function startScript(world: World, script: Script, untilMs: number): void {
  const conversation = world.config.conversations[script.conversation];
  if (conversation === undefined) return;
  const random = world.random.fork(`script ${script.id}`);
  const scene: Scene = { world, random, users: conversation.users, conversation: script.conversation };
  const act = actions[script.kind];
  const [fromMs, toMs] = pausesMs[script.kind];
  const again = () => {
    const atMs = world.scheduler.nowMs + random.between(fromMs, toMs);
    if (atMs >= untilMs) return;
    world.scheduler.at(atMs, () => {
      act(scene);
      again();
    });
  };
  again();
}

/** How long each script pauses between two of its actions: from and to. */
const pausesMs: Readonly<Record<Script["kind"], readonly [number, number]>> = {
  chat: [200, 3_500],
  burst: [3_000, 14_000],
  flood: [10_000, 30_000],
  tail: [12_000, 30_000],
  together: [1_000, 8_000],
  churn: [500, 6_000],
  logins: [2_000, 12_000],
  reading: [300, 3_000],
};

const actions: Readonly<Record<Script["kind"], (scene: Scene) => void>> = {
  chat: (scene) => void send(scene, someDevice(scene)),
  tail: (scene) => void send(scene, someDevice(scene)),
  burst(scene) {
    const device = someDevice(scene);
    for (let left = scene.random.whole(3, 20); left > 0; left--) send(scene, device);
  },
  flood(scene) {
    const device = someDevice(scene);
    const padding = "~".repeat(scene.random.whole(50, 1_500));
    for (let left = scene.random.whole(10, 70); left > 0; left--) send(scene, device, padding);
  },
  together(scene) {
    for (const device of devicesOf(scene)) if (scene.random.chance(0.7)) send(scene, device);
  },
  churn: changeMembers,
  logins(scene) {
    const device = someDevice(scene);
    if (device.isLoggedOut) device.logIn();
    else device.logOut();
  },
  reading: (scene) => readSomething(scene, someDevice(scene)),
};

function devicesOf({ world, users }: Scene): SimDevice[] {
  return world.devices.filter((device) => users.includes(Number(device.userId)));
}

function someDevice(scene: Scene): SimDevice {
  return scene.random.pick(devicesOf(scene));
}

function send({ world, conversation, users, random }: Scene, device: SimDevice, padding?: string): void {
  const groupId = world.conversationIds[conversation] ?? 0n;
  const peer = users.find((user) => BigInt(user) !== device.userId) ?? 0;
  const knownId = groupId === 0n && random.chance(0.5) ? directId(device, BigInt(peer)) : groupId;
  if (knownId !== 0n) device.send({ case: "conversationId", value: knownId }, padding);
  else device.send({ case: "peerUserId", value: BigInt(peer) }, padding);
}

/** The direct conversation with a peer, as far as the device has heard of it. */
function directId(device: SimDevice, peerUserId: bigint): bigint {
  for (const head of device.storage.snapshot.heads.values()) {
    if (head.peerUserId === peerUserId) return head.conversationId;
  }
  return 0n;
}

function readSomething({ random }: Scene, device: SimDevice): void {
  const known = [...device.storage.snapshot.cursors.keys()];
  if (known.length > 0) device.read(random.pick(known));
}

/** The owner takes somebody in, or somebody leaves; whether the group agrees is its own business. */
function changeMembers({ world, random, users, conversation }: Scene): void {
  const groupId = world.conversationIds[conversation] ?? 0n;
  const host = random.pick(world.services);
  const [owner, ...others] = world.config.devices
    .map((_, index) => index + 1)
    .sort((one, other) => rank(users, one) - rank(users, other));
  if (groupId === 0n || host === undefined || owner === undefined || others.length === 0) return;
  const user = BigInt(random.pick(others));
  const leaves = random.chance(0.5);
  host.node.run(() => {
    const change = leaves
      ? host.services.leaveGroup(user, groupId)
      : host.services.addMembers(BigInt(owner), groupId, [user]);
    change.catch(() => world.counts.add("group change refused"));
  });
}

function rank(users: readonly number[], user: number): number {
  const place = users.indexOf(user);
  return place === -1 ? users.length : place;
}
