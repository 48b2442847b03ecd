const unitWords = ["ns", "us", "ms", "s", "seconds", "bytes", "share", "ratio"];

/** `deliver_p999_ms` as words, without the unit: "deliver p99.9". */
export function toWords(name: string): string {
  const words = name.replace(/_per_second$/, "").split("_");
  const unit = words.at(-1) ?? "";
  const kept = words.length > 1 && unitWords.includes(unit) ? words.slice(0, -1) : words;
  return kept.map(toWord).join(" ");
}

function toWord(word: string): string {
  return /^p\d{3,}$/.test(word) ? `${word.slice(0, 3)}.${word.slice(3)}` : word;
}

/** The first letter in upper case. */
export function toTitle(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
