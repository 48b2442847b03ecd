import { hash, verify } from "@node-rs/argon2";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** Argon2id (RFC 9106) with the parameters of the OWASP password storage cheat sheet: about 16 ms and 19 MiB a hash. */
const argon2id = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** How long a caller is asked to wait when the queue is full, in milliseconds. */
const busyRetryAfterMs = 1_000;

/** Hashes and checks passwords, a few at a time: each one costs a core and 19 MiB. */
export interface Passwords {
  /** @throws TidewireError `BUSY` if too many wait already. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash it takes as long and says no, so that the time it takes
   * does not tell whether an account exists.
   * @throws TidewireError `BUSY` if too many wait already.
   */
  matches(password: string, hashed: string | undefined): Promise<boolean>;
}

export type PasswordLimits = Readonly<{
  /** Hashes at a time. Default: sensible is one for each core. */
  inFlightMax: number;
  /** Calls that may wait for their turn. Some 60 a second and core get through. */
  waitingMax: number;
}>;

export function createPasswords(limits: PasswordLimits): Passwords {
  const take = createTurnstile(limits);
  let dummy: Promise<string> | undefined;
  const dummyHash = () => {
    dummy ??= hash("nobody has this password", argon2id);
    return dummy;
  };
  return {
    async hash(password) {
      using _turn = await take();
      return await hash(password, argon2id);
    },
    async matches(password, hashed) {
      using _turn = await take();
      const right = await verify(hashed ?? (await dummyHash()), password);
      return right && hashed !== undefined;
    },
  };
}

/** Lets `inFlightMax` callers in at a time, first come first served; at most `waitingMax` stand in line. */
function createTurnstile(limits: PasswordLimits): () => Promise<Disposable> {
  const waiting: Array<() => void> = [];
  let inFlight = 0;
  const turn: Disposable = {
    [Symbol.dispose]() {
      const next = waiting.shift();
      // The place passes to the next in line without being free in between.
      if (next) next();
      else inFlight--;
    },
  };
  return async () => {
    if (inFlight < limits.inFlightMax) {
      inFlight++;
      return turn;
    }
    if (waiting.length >= limits.waitingMax) {
      throw new TidewireError(ErrorCode.BUSY, "too many logins at once", { retryAfterMs: busyRetryAfterMs });
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
    return turn;
  };
}
