import { type CloseCodeMeaning, type CodeTable, firstFinalCloseCode, lastCloseCode } from "../model.js";
import { docComment, quote, toModule } from "./text.js";

/** `close-codes.ts`: what each close code means, and the range rule. */
export function emitCloseCodes({ type, zeroName, codes }: CodeTable<CloseCodeMeaning>): string {
  return `import { ${type.name} } from "${toModule(type)}";

/** What a close code means for those who receive it. */
export interface CloseMeaning {
  /** Such as "SLOW_CONSUMER". */
  readonly name: string;
  /** What to do, for a developer. At most 120 bytes, so that it fits into a close frame. */
  readonly advice: string;
  /** Whether a client connects again by itself. */
  readonly reconnect: boolean;
}

export const closeMeanings: Readonly<Record<Exclude<${type.name}, ${type.name}.${zeroName}>, CloseMeaning>> = {
${codes.map((code) => emitEntry(type.name, code)).join("")}};

/**
 * Whether a client connects again by itself after this close code: the range is the policy, so this holds for codes of
 * newer servers, and for those that a WebSocket library reports (1006 and the like), too.
 */
export function reconnectsAfter(code: number): boolean {
  return code < ${firstFinalCloseCode} || code > ${lastCloseCode};
}
`;
}

function emitEntry(typeName: string, code: CloseCodeMeaning): string {
  return `${docComment(code.comment, "  ")}  [${typeName}.${code.name}]: {
    name: ${quote(code.name)},
    advice: ${quote(code.advice)},
    reconnect: ${code.reconnect},
  },
`;
}
