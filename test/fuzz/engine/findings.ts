import { Violation } from "./violation.js";

/**
 * What stand-ins have seen that must not happen. They are called from within the code under fuzz, which might catch what they
 * throw; so they report, and whoever has called that code raises.
 */
export interface Findings {
  report(rule: string, detail?: string): void;
  /** @throws Violation the first one reported, if there is one. */
  raise(): void;
}

export function createFindings(): Findings {
  let first: Violation | undefined;
  return {
    report(rule, detail) {
      first ??= new Violation(rule, detail);
    },
    raise() {
      if (first) throw first;
    },
  };
}
