import type { GatewayId, Route, Routes } from "./fabric.js";

const done = Promise.resolve();

type Attachment = { device: number; epoch: bigint; gateway: GatewayId; expiresMs: number };

/** Routes within one process. Expired ones are invisible at once and leave memory when they are met, or swept. */
export interface MemoryRoutes extends Routes {
  sweep(nowMs: number): void;
  /** Routes and interests in memory. */
  readonly size: number;
}

/** `monotonicMs` is the clock of all leases. Bounded by the sessions and interests that gateways renew. */
export function createMemoryRoutes(monotonicMs: () => number): MemoryRoutes {
  /** A user's devices are few: a scan of a short array beats a map of maps. */
  const attachments = new Map<bigint, Attachment[]>();
  /** For each conversation, when each gateway's interest ends. */
  const interests = new Map<bigint, Map<GatewayId, number>>();

  return {
    attach(route, ttlMs) {
      const ofUser = attachments.get(route.userId);
      const next = {
        device: route.device,
        epoch: route.epoch,
        gateway: route.gateway,
        expiresMs: monotonicMs() + ttlMs,
      };
      const isKnown = ofUser?.some((present) => isSame(present, route) && present.expiresMs > monotonicMs()) ?? false;
      if (ofUser) replaceUnlessNewer(ofUser, next, monotonicMs());
      else attachments.set(route.userId, [next]);
      return Promise.resolve(isKnown ? "renewed" : "begun");
    },
    detach(route) {
      const ofUser = attachments.get(route.userId);
      const index = ofUser?.findIndex((attachment) => isSame(attachment, route)) ?? -1;
      if (index >= 0) ofUser?.splice(index, 1);
      if (ofUser?.length === 0) attachments.delete(route.userId);
      return done;
    },
    gatewaysOf(userIds) {
      const nowMs = monotonicMs();
      const found = new Map<GatewayId, bigint[]>();
      for (const userId of userIds) {
        for (const attachment of attachments.get(userId) ?? [])
          if (attachment.expiresMs > nowMs) addOnce(found, attachment.gateway, userId);
      }
      return Promise.resolve(found);
    },
    want(gateway, conversationId, ttlMs) {
      const wanting = interests.get(conversationId) ?? new Map<GatewayId, number>();
      const isKnown = (wanting.get(gateway) ?? 0) > monotonicMs();
      wanting.set(gateway, monotonicMs() + ttlMs);
      interests.set(conversationId, wanting);
      return Promise.resolve(isKnown ? "renewed" : "begun");
    },
    unwant(gateway, conversationId) {
      const wanting = interests.get(conversationId);
      wanting?.delete(gateway);
      if (wanting?.size === 0) interests.delete(conversationId);
      return done;
    },
    gatewaysWanting(conversationId) {
      const nowMs = monotonicMs();
      const found: GatewayId[] = [];
      for (const [gateway, expiresMs] of interests.get(conversationId) ?? [])
        if (expiresMs > nowMs) found.push(gateway);
      return Promise.resolve(found);
    },
    sweep(nowMs) {
      for (const [userId, ofUser] of attachments) {
        const alive = ofUser.filter((attachment) => attachment.expiresMs > nowMs);
        if (alive.length === 0) attachments.delete(userId);
        else if (alive.length < ofUser.length) attachments.set(userId, alive);
      }
      for (const [conversationId, wanting] of interests) {
        for (const [gateway, expiresMs] of wanting) if (expiresMs <= nowMs) wanting.delete(gateway);
        if (wanting.size === 0) interests.delete(conversationId);
      }
    },
    get size() {
      return attachments.size + interests.size;
    },
  };
}

function replaceUnlessNewer(ofUser: Attachment[], next: Attachment, nowMs: number): void {
  const index = ofUser.findIndex((attachment) => attachment.device === next.device);
  const present = ofUser[index];
  if (present === undefined) ofUser.push(next);
  else if (next.epoch >= present.epoch || present.expiresMs <= nowMs) ofUser[index] = next;
}

function isSame(attachment: Attachment, route: Route): boolean {
  return attachment.device === route.device && attachment.epoch === route.epoch && attachment.gateway === route.gateway;
}

/** Several devices of one user may be at one gateway; users come one after another, so a look at the last one is enough. */
function addOnce(found: Map<GatewayId, bigint[]>, gateway: GatewayId, userId: bigint): void {
  const users = found.get(gateway);
  if (!users) found.set(gateway, [userId]);
  else if (users[users.length - 1] !== userId) users.push(userId);
}
