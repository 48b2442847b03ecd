import type { AnyDesc } from "@bufbuild/protobuf";

/** Notes that `desc` contradicts the rules of the contract. Reading goes on, so that all problems are reported at once. */
export type Report = (desc: AnyDesc | undefined, problem: string) => void;

/** The contract breaks its own rules. The message has one line for each problem, naming file and element. */
export class ContractError extends Error {
  override readonly name = "ContractError";

  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Runs `read`, and throws a ContractError if it has reported anything. */
export function collectProblems<T>(read: (report: Report) => T): T {
  const problems: string[] = [];
  const result = read((desc, problem) => problems.push(desc === undefined ? problem : `${whereIs(desc)}: ${problem}`));
  if (problems.length > 0) throw new ContractError(problems);
  return result;
}

/** Such as "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_BUSY". */
function whereIs(desc: AnyDesc): string {
  switch (desc.kind) {
    case "file":
      return `${desc.name}.proto`;
    case "field":
    case "oneof":
    case "enum_value":
    case "rpc":
      return `${desc.parent.file.name}.proto: ${desc.parent.name}.${desc.name}`;
    default:
      return `${desc.file.name}.proto: ${desc.name}`;
  }
}
