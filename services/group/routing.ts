import { both, byConversation, byUser, type Routing } from "../push/committed.js";

/**
 * How long a group that has grown stays between the two ways of delivery: twice the lease under which gateways want
 * conversations, so that by then each has either heard of it or read its interests anew. In milliseconds.
 */
export const bothMs = 2 * 90_000;

/** A group shrinks below this share of the threshold before it goes back, so that it does not flap around it. */
const shrinkShare = 0.8;

/** The routing of a group that begins with `memberCount` members: nobody has to get used to anything. */
export function firstRouting(memberCount: number, above: number): Routing {
  return memberCount > above ? byConversation : byUser;
}

/**
 * The routing of a group that now has `memberCount` members. Above `above` members it goes over to delivery by conversation,
 * through `both`; below 80 % of that it goes back at once.
 */
export function nextRouting(present: Routing, memberCount: number, above: number): Routing {
  if (memberCount < above * shrinkShare) return byUser;
  return present === byUser && memberCount > above ? both : present;
}
