import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { closeMeanings, reconnectsAfter } from "../../gen/ts/tidewire/v1/close-codes.js";
import { ConversationService } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import {
  type ClientFrameCase,
  type ClientFrameHandlers,
  clientFrameKinds,
  dispatchClientFrame,
  dispatchServerFrame,
  type ServerFrameCase,
  type ServerFrameHandlers,
  serverFrameKinds,
} from "../../gen/ts/tidewire/v1/dispatch.js";
import { CloseCode, CloseCodeSchema, ErrorCode, ErrorCodeSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import { errorMeanings, meaningOfError } from "../../gen/ts/tidewire/v1/errors.js";
import { ClientFrameSchema, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { GroupService } from "../../gen/ts/tidewire/v1/group_pb.js";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import { methodAudiences, publicMethods } from "../../gen/ts/tidewire/v1/methods.js";
import { Audience, audience } from "../../gen/ts/tidewire/v1/options_pb.js";

/** Handlers that answer with the name under which they were called. */
const nameOfClientFrame: ClientFrameHandlers<ClientFrameCase | "unknown"> = {
  login: () => "login",
  heartbeat: () => "heartbeat",
  upMsg: () => "upMsg",
  ack: () => "ack",
  sync: () => "sync",
  heads: () => "heads",
  readMark: () => "readMark",
  signal: () => "signal",
  logout: () => "logout",
  unknown: () => "unknown",
};

const nameOfServerFrame: ServerFrameHandlers<ServerFrameCase | "unknown"> = {
  loginOk: () => "loginOk",
  heartbeatOk: () => "heartbeatOk",
  upAck: () => "upAck",
  upNack: () => "upNack",
  push: () => "push",
  syncPage: () => "syncPage",
  headsPage: () => "headsPage",
  signal: () => "signal",
  goaway: () => "goaway",
  error: () => "error",
  unknown: () => "unknown",
};

describe("dispatch", () => {
  it("calls the handler of every client frame", () => {
    for (const { kind } of Object.values(clientFrameKinds)) {
      const frame = create(ClientFrameSchema, { frame: { case: kind, value: {} } });
      assert.equal(dispatchClientFrame(frame, nameOfClientFrame), kind);
    }
  });

  it("calls the handler of every server frame", () => {
    for (const { kind } of Object.values(serverFrameKinds)) {
      const frame = create(ServerFrameSchema, { frame: { case: kind, value: {} } });
      assert.equal(dispatchServerFrame(frame, nameOfServerFrame), kind);
    }
  });

  it("calls `unknown` for an empty frame", () => {
    assert.equal(dispatchClientFrame(create(ClientFrameSchema), nameOfClientFrame), "unknown");
    assert.equal(dispatchServerFrame(create(ServerFrameSchema), nameOfServerFrame), "unknown");
  });

  it("knows every frame by its number", () => {
    const named = (kinds: Readonly<Record<number, { kind: string }>>) =>
      Object.entries(kinds).map(([number, { kind }]) => [Number(number), kind]);
    assert.deepEqual(
      named(clientFrameKinds),
      ClientFrameSchema.fields.map((field) => [field.number, field.localName]),
    );
    assert.deepEqual(
      named(serverFrameKinds),
      ServerFrameSchema.fields.map((field) => [field.number, field.localName]),
    );
  });

  it("allows nothing but login before login", () => {
    const early = Object.values(clientFrameKinds).filter(({ phase }) => phase === "any");
    assert.deepEqual(
      early.map(({ kind }) => kind),
      ["login"],
    );
  });
});

describe("error meanings", () => {
  it("has one for every code", () => {
    assert.deepEqual(
      Object.entries(errorMeanings).map(([number, { name }]) => [Number(number), name]),
      ErrorCodeSchema.values.map((value) => [value.number, value.localName]),
    );
  });

  it("tells what the contract says", () => {
    assert.deepEqual(errorMeanings[ErrorCode.NOT_A_MEMBER], {
      name: "NOT_A_MEMBER",
      advice: "This user has left the conversation. A member can add it again.",
      remedy: "none",
      connectCode: "permission_denied",
      consumesClientId: true,
    });
  });

  it("reads a code of a newer peer as unspecified", () => {
    assert.equal(meaningOfError(9999).name, "UNSPECIFIED");
    assert.equal(meaningOfError(ErrorCode.BUSY).remedy, "retry-later");
  });
});

describe("close codes", () => {
  it("has a meaning for every code, and the range decides about reconnecting", () => {
    assert.deepEqual(
      Object.entries(closeMeanings).map(([number, { name, reconnect }]) => [Number(number), name, reconnect]),
      CloseCodeSchema.values
        .filter((value) => value.number !== 0)
        .map((value) => [value.number, value.localName, value.number < 4500]),
    );
  });

  it("reconnects below 4500 and after codes that are not ours, and not from 4500 to 4999", () => {
    const reconnecting = [1000, 1001, 1006, 1012, 3000, 4000, 4499, 5000];
    const final = [4500, 4999, CloseCode.REPLACED, CloseCode.LOGGED_OUT];
    assert.deepEqual(reconnecting.filter(reconnectsAfter), reconnecting);
    assert.deepEqual(final.filter(reconnectsAfter), []);
  });
});

describe("methods", () => {
  const services: DescService[] = [AccountService, ConversationService, GroupService, MessageService];
  const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

  it("has every method of every service", () => {
    const paths = services.flatMap((service) => service.methods).map(pathOf);
    assert.deepEqual([...methodAudiences.keys()].sort(), paths.sort());
  });

  it("lists as public whatever is not internal", () => {
    const isPublic = (method: DescMethod) => getOption(method, audience) !== Audience.INTERNAL;
    const paths = services.flatMap((service) => service.methods.filter(isPublic)).map(pathOf);
    assert.deepEqual([...publicMethods].sort(), paths.sort());
  });

  it("does not know a path that only an object's prototype has", () => {
    assert.equal(methodAudiences.get("constructor"), undefined);
  });
});
