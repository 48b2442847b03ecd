import type { Method } from "../model.js";
import { quote } from "./text.js";

/** `methods.ts`: who may call what. */
export function emitMethods(methods: readonly Method[]): string {
  return `/** Who may call a method. "internal" ones never pass through the gateway's public port. */
export type MethodAudience = "anyone" | "user" | "internal";

/** By path, as in an HTTP request: "/tidewire.v1.AccountService/Login". A path that is not here does not exist. */
export const methodAudiences: ReadonlyMap<string, MethodAudience> = new Map<string, MethodAudience>([
${methods.map(({ path, audience }) => `  [${quote(path)}, ${quote(audience)}],\n`).join("")}]);

/** The paths that the gateway's public port serves. */
export const publicMethods: readonly string[] = [
${methods
  .filter(isPublic)
  .map(({ path }) => `  ${quote(path)},\n`)
  .join("")}];
`;
}

function isPublic({ audience }: Method): boolean {
  return audience !== "internal";
}
