/** Everything that happens, as a hash: two runs that differ anywhere have different ones. */
export interface Trace {
  /** @param what A constant, such as "device/transmit". `detail` is only called if somebody reads along. */
  note(what: string, subject: string, amount: number, detail?: () => string): void;
  readonly hash: string;
  readonly notes: number;
}

export type TraceOptions = Readonly<{
  nowMs(): number;
  /** Takes each happening as a line to read. */
  write?: ((line: string) => void) | undefined;
}>;

export function createTrace({ nowMs, write }: TraceOptions): Trace {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  let notes = 0;

  function mix(value: number) {
    low = Math.imul(low ^ value, 0x01000193);
    high = Math.imul(high ^ value ^ (low >>> 13), 0x85ebca6b);
  }

  function mixText(text: string) {
    for (let index = 0; index < text.length; index++) mix(text.charCodeAt(index));
  }

  return {
    note(what, subject, amount, detail) {
      notes++;
      mixText(what);
      mixText(subject);
      mix(Math.floor(amount));
      mix(Math.floor(nowMs() * 1_000));
      if (write)
        write(`${nowMs().toFixed(1).padStart(9)}  ${subject.padEnd(12)} ${what}${detail ? `  ${detail()}` : ""}`);
    },
    get hash() {
      return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
    },
    get notes() {
      return notes;
    },
  };
}
