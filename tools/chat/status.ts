import type { ConnectionState } from "../../clients/typescript/src/connection.js";
import { startServerAdvice } from "./problems.js";

/** What stands before the line that is being typed: the conversation, and the connection if there is none. */
export function toPrompt(connection: ConnectionState, title: string | undefined, unread: number): string {
  const elsewhere = unread > 0 ? `[${unread} unread] ` : "";
  const trouble = connection.state === "ready" ? "" : `(${toTrouble(connection)}) `;
  return `${trouble}${elsewhere}${title ?? ""}> `;
}

function toTrouble(connection: ConnectionState): string {
  switch (connection.state) {
    case "waiting":
      return "offline, trying again";
    case "draining":
      return "the server restarts";
    case "closed":
      return "ended";
    default:
      return "connecting";
  }
}

export type Link = "unknown" | "up" | "down";

/** What to tell when a connection comes or goes, and how things stand then. Steps on the way are not told. */
export function toNews(link: Link, connection: ConnectionState): { link: Link; news: string | undefined } {
  if (connection.state === "ready") {
    if (link === "up") return { link, news: undefined };
    return { link: "up", news: link === "down" ? "connected again" : "connected" };
  }
  if (connection.state !== "waiting") return { link, news: undefined };
  if (link === "down") return { link, news: undefined };
  const kept = "Trying again; what you type is kept and sent then.";
  if (link === "up") return { link: "down", news: `connection lost. ${kept}` };
  return { link: "down", news: `no connection: is the server running? ${startServerAdvice}\n* ${kept}` };
}
