import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { getOption } from "@bufbuild/protobuf";
import * as options from "../../gen/ts/tidewire/v1/options_pb.js";
import { commentOf } from "./comments.js";
import type { AudienceName, Method } from "./model.js";
import type { Report } from "./problems.js";

const audienceNames: Readonly<Record<options.Audience, AudienceName | undefined>> = {
  [options.Audience.UNSPECIFIED]: undefined,
  [options.Audience.ANYONE]: "anyone",
  [options.Audience.USER]: "user",
  [options.Audience.INTERNAL]: "internal",
};

/** Reads every method of every service: each names its audience. */
export function readMethods(services: readonly DescService[], report: Report): Method[] {
  return services.flatMap((service) => service.methods).map((method) => toMethod(method, report));
}

function toMethod(method: DescMethod, report: Report): Method {
  const audience = audienceNames[getOption(method, options.audience)];
  if (audience === undefined) report(method, "has no (audience), so nobody knows who may call it");
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    comment: commentOf(method),
    audience: audience ?? "internal",
  };
}
