import type { CodeTable, ErrorCodeMeaning } from "../model.js";
import { docComment, quote, toModule } from "./text.js";

/** `errors.ts`: what each error code means. */
export function emitErrors({ type, zeroName, codes }: CodeTable<ErrorCodeMeaning>): string {
  const zero = `  [${type.name}.${zeroName}]: unknownMeaning,\n`;
  return `import { ${type.name} } from "${toModule(type)}";

/** How a client program reacts to an error. "none": it can only tell the user. */
export type ErrorRemedy = "none" | "retry-later" | "new-token" | "change-request";

/** What an error code means for those who receive it. */
export interface ErrorMeaning {
  /** Such as "NOT_A_MEMBER". */
  readonly name: string;
  /** What to do, for a developer. At most 200 bytes. */
  readonly advice: string;
  readonly remedy: ErrorRemedy;
  /** The Connect code under which HTTP callers see it, as Connect spells it. */
  readonly connectCode: string;
  /** True if an \`up_msg\` refused with this code has used up its client_id for good. */
  readonly consumesClientId: boolean;
}

const unknownMeaning: ErrorMeaning = {
  name: ${quote(zeroName)},
  advice: "This version of the contract does not know the code. Update it.",
  remedy: "none",
  connectCode: "unknown",
  consumesClientId: false,
};

export const errorMeanings: Readonly<Record<${type.name}, ErrorMeaning>> = {
${zero}${codes.map((code) => emitEntry(type.name, code)).join("")}};

/** The meaning of a code from the wire: one that a newer peer has made up reads as ${zeroName}. */
export function meaningOfError(code: number): ErrorMeaning {
  const known: Readonly<Record<number, ErrorMeaning>> = errorMeanings;
  return known[code] ?? unknownMeaning;
}
`;
}

function emitEntry(typeName: string, code: ErrorCodeMeaning): string {
  return `${docComment(code.comment, "  ")}  [${typeName}.${code.name}]: {
    name: ${quote(code.name)},
    advice: ${quote(code.advice)},
    remedy: ${quote(code.remedy)},
    connectCode: ${quote(code.connectCode)},
    consumesClientId: ${code.consumesClientId},
  },
`;
}
