import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";
import type { Contract } from "./model.js";
import { collectProblems, type Report } from "./problems.js";
import { readCloseCodes, readErrorCodes } from "./read-codes.js";
import { readFrames } from "./read-frames.js";
import { readDefaultLimits, readMessageLimits } from "./read-limits.js";
import { readMethods } from "./read-methods.js";

/**
 * Reads the contract's files into the model that targets work from.
 * @throws ContractError naming every element whose options are missing or contradict each other.
 */
export function readContract(files: readonly DescFile[]): Contract {
  return collectProblems((report) => {
    const messages = files.flatMap((file) => file.messages.flatMap(withNested));
    const enums = [...files, ...messages].flatMap(enumsIn);
    return {
      folder: folderOf(files, report),
      ...readFrames(messages, report),
      errors: readErrorCodes(enums, report),
      closes: readCloseCodes(enums, report),
      limits: readDefaultLimits(messages, report),
      methods: readMethods(
        files.flatMap((file) => file.services),
        report,
      ),
      messageLimits: readMessageLimits(messages, report),
    };
  });
}

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

function enumsIn(scope: DescFile | DescMessage): DescEnum[] {
  return scope.kind === "file" ? scope.enums : scope.nestedEnums;
}

/** Generated code lies beside the messages that it imports, so there can be only one folder. */
function folderOf(files: readonly DescFile[], report: Report): string {
  const folder = files[0]?.name.replace(/\/[^/]*$/, "") ?? "";
  for (const file of files) {
    if (file.name.replace(/\/[^/]*$/, "") !== folder) report(file, `lies outside ${folder}, where the contract began`);
  }
  return folder;
}
