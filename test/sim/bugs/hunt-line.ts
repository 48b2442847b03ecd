/** What a hunt through seeds tells: how far it has got, now and then, and at last what has come of it. */
export type HuntLine =
  /** @property ran seeds that have held */
  | { kind: "running"; ran: number }
  /** @property ran seeds, with the one that failed */
  | { kind: "red"; ran: number; seed: number; violation: string }
  | { kind: "green" };
