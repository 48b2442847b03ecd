/** Values on their way to any number of readers, each of which sees every value since it began. */
export interface Feed<T> {
  push(value: T): void;
  /** Ends all readers, once they have read what is there. */
  end(): void;
  /** A new reader. Leaving its loop ends it. */
  read(): AsyncIterableIterator<T>;
}

type Reader<T> = { values: T[]; state: "open" | "ended" | "overrun"; wake: (() => void) | undefined };

/** @param backlogMax A reader that falls behind by more values gets an error: it can catch up from the storage. */
export function createFeed<T>(backlogMax: number): Feed<T> {
  const readers = new Set<Reader<T>>();
  let ended = false;

  function wake(reader: Reader<T>): void {
    reader.wake?.();
    reader.wake = undefined;
  }

  async function* drain(reader: Reader<T>): AsyncGenerator<T, void> {
    try {
      for (;;) {
        while (reader.values.length > 0) {
          const values = reader.values;
          reader.values = [];
          yield* values;
        }
        if (reader.state === "overrun") throw new Error(`more than ${backlogMax} values were left unread`);
        if (reader.state === "ended") return;
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
      }
    } finally {
      readers.delete(reader);
    }
  }

  return {
    push(value) {
      for (const reader of readers) {
        if (reader.state !== "open") continue;
        if (reader.values.length < backlogMax) reader.values.push(value);
        else reader.state = "overrun";
        wake(reader);
      }
    },
    end() {
      ended = true;
      for (const reader of readers) {
        reader.state = "ended";
        wake(reader);
      }
    },
    read() {
      const reader: Reader<T> = { values: [], state: ended ? "ended" : "open", wake: undefined };
      readers.add(reader);
      return drain(reader);
    },
  };
}
