/** Characters that a terminal shows in two columns: CJK, full-width forms and most emoji. Source: UAX #11, simplified. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
/** Characters that take no column of their own. */
const weightless = /\p{Mn}|\p{Me}|\u200d/u;

/** How many columns a terminal needs for a text without control characters. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (weightless.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

/** How many rows a terminal of `columns` needs for such a text. */
export function textRows(text: string, columns: number): number {
  return Math.max(1, Math.ceil(textWidth(text) / Math.max(1, columns)));
}
