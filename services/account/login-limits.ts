import { isIPv6 } from "node:net";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { Rate, RateLimits } from "../../runtime/fabric/fabric.js";

const minuteMs = 60_000;

/** So many at once, and as many again within each minute. */
function perMinute(attempts: number): Rate {
  return { burst: attempts, refillMs: minuteMs / attempts };
}

const attemptsPerMinute = {
  address: perMinute(20),
  accountAndAddress: perMinute(5),
  account: perMinute(10),
};

/**
 * Makes the delay grow for somebody who goes on guessing: after 20 attempts at one account from one address there is
 * one every three minutes, no longer one every twelve seconds.
 */
const persistent: Rate = { burst: 20, refillMs: 3 * minuteMs };

/** Bounds attempts to guess a password, and the hashes that they cost. */
export interface LoginLimits {
  /** Counts an attempt to log in. @throws TidewireError `RATE_LIMITED` */
  checkLogin(name: string, address: string): Promise<void>;
  /** Counts an attempt to register. @throws TidewireError `RATE_LIMITED` */
  checkRegistration(address: string): Promise<void>;
}

export function createLoginLimits(options: {
  limits: RateLimits;
  /** Registrations a minute from one address. Sensible: 20; more where many share an address. */
  registrationsPerMinute: number;
}): LoginLimits {
  const { limits } = options;
  const registrations = perMinute(options.registrationsPerMinute);

  async function take(key: string, rate: Rate): Promise<void> {
    const verdict = await limits.take(key, rate);
    if (verdict.kind === "allowed") return;
    throw new TidewireError(ErrorCode.RATE_LIMITED, "too many attempts", { retryAfterMs: verdict.retryAfterMs });
  }

  return {
    async checkLogin(name, address) {
      const network = toNetwork(address);
      // From the narrowest to the widest claim on others: what one address is refused must not use up what the owner of
      // the account, at another address, still has.
      await take(`login/address/${network}`, attemptsPerMinute.address);
      await take(`login/both/${network}/${name}`, attemptsPerMinute.accountAndAddress);
      await take(`login/persistent/${network}/${name}`, persistent);
      await take(`login/account/${name}`, attemptsPerMinute.account);
    },
    async checkRegistration(address) {
      await take(`register/address/${toNetwork(address)}`, registrations);
    },
  };
}

/** An IPv6 customer has a /64, so that is what counts as one address; IPv4 counts in full, however it is written. */
export function toNetwork(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = (plain.split("%")[0] ?? "").split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length;
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - after)).fill("0"), ...tail.split(":"));
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group || "0", 16).toString(16))
    .join(":")}::/64`;
}
