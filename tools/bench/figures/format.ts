/** For people: four digits that count, all of a whole number's, in groups of three. */
export function formatNumber(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 1_000 ? whole : fractional;
  return digits.format(value);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fractional = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** A unit to show values in, and what to multiply them by. */
export type Scale = Readonly<{ unit: string; factor: number }>;

/** The unit in which values up to `max` are easy to read: shares in percent, bytes in KiB, MiB or GiB. */
export function scaleOf(unit: string, max: number): Scale {
  if (unit === "share") return { unit: "%", factor: 100 };
  if (unit !== "bytes" && unit !== "bytes/s") return { unit: unit === "ratio" ? "" : unit, factor: 1 };
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(Math.max(1, max)) / 10)));
  const name = ["bytes", "KiB", "MiB", "GiB"][power] ?? "bytes";
  return { unit: unit.replace("bytes", name), factor: 1_024 ** -power };
}

/** `1,075`, `12.5 ms`, `50 %`. */
export function formatQuantity(value: number, unit: string): string {
  const scale = scaleOf(unit, Math.abs(value));
  return `${formatNumber(value * scale.factor)} ${scale.unit}`.trimEnd();
}
