import type { Routing } from "../push/committed.js";

export const byUser: Routing = 1;
export const byConversation: Routing = 2;

/** A group shrinks below this share of the threshold before it goes back, so that it does not flap around it. */
const shrinkShare = 0.8;

/**
 * The routing of a group that now has `memberCount` members. By conversation above `above` members; back to by user
 * below 80 % of that.
 */
export function nextRouting(present: Routing, memberCount: number, above: number): Routing {
  if (memberCount > above) return byConversation;
  if (memberCount < above * shrinkShare) return byUser;
  return present;
}
