import type { RisingMark, RisingMarks } from "./fabric.js";

const done = Promise.resolve();

/** Marks within one process. */
export interface MemoryMarks extends RisingMarks {
  /** Marks in memory. */
  readonly size: number;
}

/** At most `marksMax` marks; one more drops the one that waits longest: whoever raised it does so again. */
export function createMemoryMarks({ marksMax }: { marksMax: number }): MemoryMarks {
  /** A Map keeps the place of a key that is set again, so the first one waits longest. */
  const marks = new Map<string, RisingMark>();

  function raise(mark: RisingMark): void {
    const key = keyOf(mark);
    const present = marks.get(key);
    if (present !== undefined && present.seq >= mark.seq) return;
    marks.set(key, mark);
    if (marks.size > marksMax) for (const oldest of marks.keys()) return void marks.delete(oldest);
  }

  return {
    raise(raised) {
      for (const mark of raised) raise(mark);
      return done;
    },
    async unsettled(limit) {
      const waiting: RisingMark[] = [];
      for (const mark of marks.values()) {
        if (waiting.length >= limit) break;
        waiting.push(mark);
      }
      return waiting;
    },
    settle(written) {
      for (const mark of written) {
        const present = marks.get(keyOf(mark));
        if (present !== undefined && present.seq <= mark.seq) marks.delete(keyOf(mark));
      }
      return done;
    },
    get size() {
      return marks.size;
    },
  };
}

function keyOf({ userId, conversationId }: RisingMark): string {
  return `${userId}/${conversationId}`;
}
