import { clone, create } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type DescriptorProto,
  type EnumValueDescriptorProto,
  type EnumValueOptions,
  EnumValueOptionsSchema,
  type FieldDescriptorProto,
  type FieldOptions,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_descriptor,
  type MessageOptions,
  MessageOptionsSchema,
  type MethodOptions,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { file_tidewire_v1_account } from "../../gen/ts/tidewire/v1/account_pb.js";
import { file_tidewire_v1_content } from "../../gen/ts/tidewire/v1/content_pb.js";
import { file_tidewire_v1_error } from "../../gen/ts/tidewire/v1/error_pb.js";
import { file_tidewire_v1_frame } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { file_tidewire_v1_options } from "../../gen/ts/tidewire/v1/options_pb.js";

const imported = [file_google_protobuf_descriptor];
const generated = [
  file_tidewire_v1_options,
  file_tidewire_v1_account,
  file_tidewire_v1_content,
  file_tidewire_v1_error,
  file_tidewire_v1_frame,
];

/** A copy of the contract that a test may spoil. Elements are found by name; a name that is not there throws. */
export interface ContractFiles {
  file(name: string): FileDescriptorProto;
  message(name: string): DescriptorProto;
  messageOptions(name: string): MessageOptions;
  /** Such as "Login.token". */
  field(path: string): FieldDescriptorProto;
  fieldOptions(path: string): FieldOptions;
  /** Such as "ErrorCode.ERROR_CODE_BUSY". */
  value(path: string): EnumValueDescriptorProto;
  valueOptions(path: string): EnumValueOptions;
  /** Such as "AccountService.Login". */
  methodOptions(path: string): MethodOptions;
  /** What protoc would send to a plugin. */
  request(parameter?: string): CodeGeneratorRequest;
}

export function createContractFiles(): ContractFiles {
  const protoFile = [...imported, ...generated].map((file) => clone(FileDescriptorProtoSchema, file.proto));
  const enums = protoFile.flatMap((file) => file.enumType);
  const services = protoFile.flatMap((file) => file.service);
  const message = (name: string) =>
    byName(
      protoFile.flatMap((file) => file.messageType),
      name,
    );
  const field = (path: string) => byName(message(ownerIn(path)).field, nameIn(path));
  const value = (path: string) => byName(byName(enums, ownerIn(path)).value, nameIn(path));
  const method = (path: string) => byName(byName(services, ownerIn(path)).method, nameIn(path));
  return {
    file: (name) => byName(protoFile, name),
    message,
    messageOptions: (name) => (message(name).options ??= create(MessageOptionsSchema)),
    field,
    fieldOptions: (path) => (field(path).options ??= create(FieldOptionsSchema)),
    value,
    valueOptions: (path) => (value(path).options ??= create(EnumValueOptionsSchema)),
    methodOptions: (path) => (method(path).options ??= create(MethodOptionsSchema)),
    request: (parameter = "target=typescript") =>
      create(CodeGeneratorRequestSchema, { parameter, protoFile, fileToGenerate: generated.map(nameOf) }),
  };
}

function nameOf(file: { proto: FileDescriptorProto }): string {
  return file.proto.name;
}

function ownerIn(path: string): string {
  return path.split(".")[0] ?? "";
}

function nameIn(path: string): string {
  return path.split(".")[1] ?? "";
}

function byName<T extends { name: string }>(elements: readonly T[], name: string): T {
  const found = elements.find((element) => element.name === name);
  if (found === undefined) throw new Error(`the contract has no ${name}`);
  return found;
}
