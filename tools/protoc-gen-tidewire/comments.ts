import type { DescEnum, DescEnumValue, DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

type Commented = DescEnum | DescEnumValue | DescField | DescMessage | DescMethod | DescService;

/** The comment above an element, without leading spaces; lines separated by "\n". Empty if there is none. */
export function commentOf(desc: Commented): string {
  const path = pathOf(desc).join(",");
  const locations = fileOf(desc).proto.sourceCodeInfo?.location ?? [];
  const location = locations.find((candidate) => candidate.path.join(",") === path);
  const lines = (location?.leadingComments ?? "").trimEnd().split("\n");
  return lines.map((line) => line.replace(/^ /, "").trimEnd()).join("\n");
}

function fileOf(desc: Commented) {
  return "file" in desc ? desc.file : desc.parent.file;
}

/** Where an element lies in its file. Source: descriptor.proto, SourceCodeInfo.Location.path. */
function pathOf(desc: Commented): number[] {
  const inFile = FileDescriptorProtoSchema.field;
  const inMessage = DescriptorProtoSchema.field;
  switch (desc.kind) {
    case "message":
      return desc.parent === undefined
        ? [inFile.messageType.number, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), inMessage.nestedType.number, desc.parent.proto.nestedType.indexOf(desc.proto)];
    case "enum":
      return desc.parent === undefined
        ? [inFile.enumType.number, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), inMessage.enumType.number, desc.parent.proto.enumType.indexOf(desc.proto)];
    case "service":
      return [inFile.service.number, desc.file.proto.service.indexOf(desc.proto)];
    case "field":
      return [...pathOf(desc.parent), inMessage.field.number, desc.parent.proto.field.indexOf(desc.proto)];
    case "enum_value":
      return [
        ...pathOf(desc.parent),
        EnumDescriptorProtoSchema.field.value.number,
        desc.parent.proto.value.indexOf(desc.proto),
      ];
    case "rpc":
      return [
        ...pathOf(desc.parent),
        ServiceDescriptorProtoSchema.field.method.number,
        desc.parent.proto.method.indexOf(desc.proto),
      ];
  }
}
