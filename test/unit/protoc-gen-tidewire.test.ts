import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  SourceCodeInfoSchema,
} from "@bufbuild/protobuf/wkt";
import { generate } from "../../tools/protoc-gen-tidewire/plugin.js";
import { type ContractFiles, createContractFiles } from "../support/contract-files.js";

function emitted(files: ContractFiles, name: string): string {
  const file = generate(files.request()).file.find((candidate) => candidate.name === `tidewire/v1/${name}.ts`);
  return file?.content ?? "";
}

describe("protoc-gen-tidewire", () => {
  it("emits the same five files for the same contract", () => {
    const first = generate(createContractFiles().request());
    const second = generate(createContractFiles().request());
    assert.equal(first.error, "");
    assert.deepEqual(
      first.file.map((file) => file.name),
      ["close-codes", "dispatch", "errors", "limits", "methods"].map((name) => `tidewire/v1/${name}.ts`),
    );
    assert.deepEqual(first.file, second.file);
  });

  it("marks every file as generated", () => {
    for (const file of generate(createContractFiles().request()).file) assert.match(file.content, /^\/\/ @generated /);
  });

  it("does not depend on the order of the files", () => {
    const request = createContractFiles().request();
    const reversed = { ...request, fileToGenerate: [...request.fileToGenerate].reverse() };
    assert.deepEqual(generate(reversed), generate(request));
  });

  it("follows limits through messages that contain themselves", () => {
    const files = createContractFiles();
    files.message("Text").field.push(
      create(FieldDescriptorProtoSchema, {
        name: "quotes",
        jsonName: "quotes",
        number: 9,
        type: FieldDescriptorProto_Type.MESSAGE,
        typeName: ".tidewire.v1.Content",
        label: FieldDescriptorProto_Label.REPEATED,
      }),
    );
    const rule = '"tidewire.v1.Text": [{ name: "quotes", key: "quotes", message: "tidewire.v1.Content" }]';
    assert.ok(emitted(files, "limits").includes(rule));
  });

  it("ends a comment only where it ends", () => {
    const files = createContractFiles();
    const frameFile = files.file("tidewire/v1/frame.proto");
    const path = [4, frameFile.messageType.indexOf(files.message("Limits")), 2, 0]; // its first field
    const location = [{ path, leadingComments: " Sly */ process.exit(); /*\n" }];
    frameFile.sourceCodeInfo = create(SourceCodeInfoSchema, { location });
    assert.ok(emitted(files, "limits").includes("/** Sly *\\/ process.exit(); /* */"));
  });

  it("refuses a target that it does not have", () => {
    const response = generate(createContractFiles().request("target=cobol"));
    assert.equal(response.error, 'the parameter is "target=cobol"; it has to be target=typescript');
  });
});
