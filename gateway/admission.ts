import type { Origins } from "./edge/cors.js";
import type { Upgrade, UpgradeVerdict } from "./server/server.js";
import type { Strangers } from "./strangers.js";

/** The one subprotocol that this gateway speaks. */
export const SUBPROTOCOL = "tidewire.v1";

/** Decides who may open a WebSocket. */
export interface Admission {
  judge(request: Upgrade): UpgradeVerdict;
  /** From now on nobody may. */
  close(): void;
  readonly isClosed: boolean;
}

export function createAdmission({ origins, strangers }: { origins: Origins; strangers: Strangers }): Admission {
  let isClosed = false;
  return {
    judge({ origin, host, subprotocols, remoteAddress }) {
      if (isClosed) return refused("503 Service Unavailable", "this gateway is shutting down");
      const offered = subprotocols.split(",").map((name) => name.trim());
      if (!offered.includes(SUBPROTOCOL)) return refused("400 Bad Request", `ask for the subprotocol ${SUBPROTOCOL}`);
      if (!origins.allows(origin, host)) {
        const advice = "The operator can allow them with TIDEWIRE_ALLOWED_ORIGINS";
        return refused("403 Forbidden", `pages of ${origin} may not connect. ${advice}`);
      }
      if (strangers.enter(remoteAddress) === "too-many") {
        const advice = "Log in on those that are open, or close them";
        return refused(
          "429 Too Many Requests",
          `too many connections of ${remoteAddress} have not logged in. ${advice}`,
        );
      }
      return { kind: "accepted" };
    },
    close() {
      isClosed = true;
    },
    get isClosed() {
      return isClosed;
    },
  };
}

function refused(status: string, reason: string): UpgradeVerdict {
  return { kind: "refused", status, reason };
}
