import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponse_FileSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import type { EmittedFile } from "./emitted-file.js";
import type { Contract } from "./model.js";
import { ContractError } from "./problems.js";
import { readContract } from "./read-contract.js";
import { emitTypeScript } from "./typescript/target.js";

/** One entry a language. A target is a pure function of the contract. */
const targets: ReadonlyMap<string, (contract: Contract) => EmittedFile[]> = new Map([["typescript", emitTypeScript]]);

/** Answers protoc's request. What is wrong with the contract or the parameter comes back as the response's `error`. */
export function generate(request: CodeGeneratorRequest): CodeGeneratorResponse {
  const target = targets.get(/^target=(.*)$/.exec(request.parameter)?.[1] ?? "");
  if (target === undefined) {
    return failure(`the parameter is "${request.parameter}"; it has to be target=${[...targets.keys()].join("|")}`);
  }
  try {
    return success(target(readContract(filesToGenerate(request))));
  } catch (thrown) {
    if (thrown instanceof ContractError) return failure(thrown.message);
    throw thrown;
  }
}

function filesToGenerate(request: CodeGeneratorRequest) {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
  const files = [...registry.files].filter((file) => request.fileToGenerate.includes(`${file.name}.proto`));
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Declares what the reader copes with: without PROTO3_OPTIONAL buf refuses files that use `optional`. */
const supportedFeatures = BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL);

function success(files: EmittedFile[]): CodeGeneratorResponse {
  const file = files.map(({ path, text }) => create(CodeGeneratorResponse_FileSchema, { name: path, content: text }));
  return create(CodeGeneratorResponseSchema, { supportedFeatures, file });
}

function failure(error: string): CodeGeneratorResponse {
  return create(CodeGeneratorResponseSchema, { supportedFeatures, error });
}
