/** A protoc plugin: reads a CodeGeneratorRequest from standard input, writes a CodeGeneratorResponse to standard output. */
import { buffer } from "node:stream/consumers";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { generate } from "./plugin.js";

// Our options are unknown fields of descriptor.proto's messages, so unknown fields have to be kept here.
const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin));
process.stdout.write(toBinary(CodeGeneratorResponseSchema, generate(request)));
