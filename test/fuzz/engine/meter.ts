/** Measures every delivery, and notes it where somebody else can see it while it lasts. */
export interface Meter {
  /** From now on deliveries belong to this input. */
  begin(input: number): void;
  /** Calls `run`, which delivers `bytes`. */
  deliver(bytes: Uint8Array, run: () => void): void;
  /** What was delivered last. */
  readonly bytes: Uint8Array;
  /** How long it took, in milliseconds of the meter's clock. */
  readonly lastMs: number;
  readonly longestMs: number;
  /** Takes those that took too long, if its clock is to be trusted. */
  takeSlow(): SlowInput[];
}

export type SlowInput = Readonly<{ input: number; ms: number; budgetMs: number }>;

/**
 * Whatever it says, and for each of its bytes: what takes longer than in proportion is what is looked for. Three times what the dearest
 * bytes take, for a machine that many share may be that much slower for an hour.
 */
const budgetMs = 50;
const budgetMsPerByte = 0.006;

/** Cheap to read, but it goes on while others have the processor. */
const wallClock = () => performance.now();
/** What this process has spent. Too dear to be read for each delivery. */
export function processorClock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/**
 * @param note Is told of each delivery before it begins.
 * @param clock In milliseconds.
 */
export function createMeter(note: (input: number, bytes: Uint8Array) => void, clock = wallClock): Meter {
  let input = 0;
  let last = new Uint8Array(0);
  let lastMs = 0;
  let longestMs = 0;
  let slow: SlowInput[] = [];

  function finish(ms: number) {
    const budget = budgetMs + last.length * budgetMsPerByte;
    lastMs = ms;
    longestMs = Math.max(longestMs, ms);
    if (ms > budget) slow.push({ input, ms, budgetMs: budget });
  }

  return {
    begin(next) {
      input = next;
    },
    deliver(bytes, run) {
      last = new Uint8Array(bytes);
      note(input, bytes);
      const startMs = clock();
      try {
        run();
      } finally {
        finish(clock() - startMs);
      }
    },
    get bytes() {
      return last;
    },
    get lastMs() {
      return lastMs;
    },
    get longestMs() {
      return longestMs;
    },
    takeSlow() {
      const taken = slow;
      slow = [];
      return taken;
    },
  };
}
