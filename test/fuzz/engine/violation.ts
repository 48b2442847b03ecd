/** Something happened that must not happen, whatever a peer sends. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** The rule, always in the same words, so that two failures can be told to be the same. */
  readonly rule: string;

  constructor(rule: string, detail = "") {
    super(detail === "" ? rule : `${rule}: ${detail}`);
    this.rule = rule;
  }
}

/** @throws Violation unless `holds`. */
export function must(holds: unknown, rule: string, detail: () => string = () => ""): asserts holds {
  if (!holds) throw new Violation(rule, detail());
}
