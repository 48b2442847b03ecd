/** Connections that have not logged in yet, counted by address: what costs an attacker nothing must be bounded. */
export interface Strangers {
  /** Counts one more from this address, or says that it has too many. */
  enter(address: string): "welcome" | "too-many";
  /** One has logged in or gone. */
  leave(address: string): void;
  /** Addresses that have some. */
  readonly size: number;
}

export function createStrangers(perAddressMax: number): Strangers {
  const counts = new Map<string, number>();
  return {
    enter(address) {
      const count = counts.get(address) ?? 0;
      if (count >= perAddressMax) return "too-many";
      counts.set(address, count + 1);
      return "welcome";
    },
    leave(address) {
      const count = (counts.get(address) ?? 0) - 1;
      if (count > 0) counts.set(address, count);
      else counts.delete(address);
    },
    get size() {
      return counts.size;
    },
  };
}
