/** Lines on their way from whoever types to whoever reads; one reader. */
export interface LineQueue {
  push(line: string): void;
  end(): void;
  /** The next line, as soon as there is one. `undefined`: there will be none. */
  next(): Promise<string | undefined>;
}

export function createLineQueue(): LineQueue {
  const unread: string[] = [];
  let isEnded = false;
  let wake: () => void = () => {};
  return {
    push(line) {
      unread.push(line);
      wake();
    },
    end() {
      isEnded = true;
      wake();
    },
    async next() {
      while (unread.length === 0 && !isEnded) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return unread.shift();
    },
  };
}
