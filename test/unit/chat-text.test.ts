import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { parseChatLine } from "../../tools/chat/chat-line.js";
import { parseChatArguments } from "../../tools/chat/chat-options.js";
import { toLine, toPrintable, toText } from "../../tools/chat/render.js";
import { toNews, toPrompt } from "../../tools/chat/status.js";
import { textRows, textWidth } from "../../tools/chat/text-width.js";
import { textMessage } from "../support/device-world.js";

const nameOf = (userId: bigint) => (userId === 8n ? "bob" : `user ${userId}`);

describe("a typed line", () => {
  it("is sent as it is unless it begins with a slash", () => {
    assert.deepEqual(parseChatLine(" hello /there "), { kind: "say", text: " hello /there " });
    assert.deepEqual(parseChatLine("//etc"), { kind: "say", text: "/etc" });
    assert.deepEqual(parseChatLine("   "), { kind: "nothing" });
  });

  it("names commands, with quotes around what has spaces", () => {
    assert.deepEqual(parseChatLine("/open the family"), { kind: "open", name: "the family" });
    assert.deepEqual(parseChatLine('/group "the family" ann bob'), {
      kind: "group",
      title: "the family",
      names: ["ann", "bob"],
    });
    assert.deepEqual(parseChatLine("/group chess"), { kind: "group", title: "chess", names: [] });
    assert.deepEqual(parseChatLine("/ADD carol"), { kind: "add", names: ["carol"] });
    assert.deepEqual(parseChatLine("/history"), { kind: "history", count: 20 });
    assert.deepEqual(parseChatLine("/history 7"), { kind: "history", count: 7 });
    for (const kind of ["leave", "list", "members", "help", "quit"])
      assert.deepEqual(parseChatLine(`/${kind}`), { kind });
  });

  it("is answered with the right use when it is wrong", () => {
    for (const line of ["/open", "/group", "/add", "/history none", "/history 0", "/history 1001", "/dance", "/"]) {
      const parsed = parseChatLine(line);
      assert.ok(parsed.kind === "wrong" && parsed.advice.includes("/"), line);
    }
  });
});

describe("what others say", () => {
  it("cannot steer this terminal", () => {
    const hostile = "a\u001b[2Jb\u009b1mc\u0007d\u202ee\u2066f\r\ng\nh\u0000";
    const printable = toPrintable(hostile);
    assert.equal(printable, "a�[2Jb�1mc�d�e�f ⏎ g ⏎ h�");
    assert.equal(toPrintable("naïve 你好 👩‍👩‍👧 العربية"), "naïve 你好 👩‍👩‍👧 العربية");
  });

  it("is shown in one line, whatever it is", () => {
    const file = { url: "https://x/y\u001b" };
    const shown = [
      toText(create(ContentSchema, { body: { case: "text", value: { text: "hi" } } }), nameOf),
      toText(create(ContentSchema, { body: { case: "image", value: { file } } }), nameOf),
      toText(create(ContentSchema, { body: { case: "file", value: { file, name: "a.pdf" } } }), nameOf),
      toText(
        create(ContentSchema, { body: { case: "custom", value: { type: "poll", payload: Uint8Array.of(1) } } }),
        nameOf,
      ),
      toText(undefined, nameOf),
    ];
    assert.deepEqual(shown, [
      "hi",
      "[image: https://x/y�]",
      "[file a.pdf: https://x/y�]",
      "[poll, 1 bytes]",
      "[something that this version cannot show]",
    ]);
  });

  it("names the one who speaks, and what happened", () => {
    assert.equal(toLine(textMessage(1n, { text: "hi" }), nameOf), "bob: hi");
    const kind = { case: "membersJoined" as const, value: { userIds: [9n], byUserId: 8n } };
    const content = create(ContentSchema, { body: { case: "event", value: { kind } } });
    assert.equal(toText(content, nameOf), "bob added user 9");
  });

  it("takes the columns that a terminal gives it", () => {
    assert.equal(textWidth("abc"), 3);
    assert.equal(textWidth("你好"), 4);
    assert.equal(textWidth("e\u0301"), 1);
    assert.equal(textRows("x".repeat(20), 20), 1);
    assert.equal(textRows("x".repeat(21), 20), 2);
    assert.equal(textRows("", 20), 1);
  });
});

describe("the chat's command line", () => {
  function optionsOf(...argv: string[]) {
    const parsed = parseChatArguments(["--data", "/somewhere", ...argv]);
    assert.ok(parsed.kind === "chat");
    return parsed.options;
  }

  it("finds socket and API of one server from either address", () => {
    const both = { socketUrl: "wss://chat.example.com/ws", apiUrl: "https://chat.example.com" };
    for (const url of ["wss://chat.example.com/ws", "https://chat.example.com", "https://chat.example.com/"]) {
      const { socketUrl, apiUrl } = optionsOf("--url", url);
      assert.deepEqual({ socketUrl, apiUrl }, both, url);
    }
    assert.equal(optionsOf().socketUrl, "ws://127.0.0.1:8080/ws");
    assert.equal(optionsOf("--url", "http://h:1/base/ws").apiUrl, "http://h:1/base");
  });

  it("takes the user's name for the profile unless another is given", () => {
    assert.equal(optionsOf().profile, "default");
    assert.equal(optionsOf("--user", "Ann").profile, "ann");
    assert.equal(optionsOf("--user", "ann", "--profile", "work").profile, "work");
  });

  it("refuses addresses and profiles that cannot be", () => {
    for (const argv of [
      ["--url", "nonsense"],
      ["--url", "ftp://x"],
      ["--profile", "../up"],
      ["--profile", ""],
    ]) {
      assert.equal(parseChatArguments(["--data", "/x", ...argv]).kind, "wrong", argv.join(" "));
    }
    assert.throws(() => parseChatArguments(["--nonsense"]), { code: "ERR_PARSE_ARGS_UNKNOWN_OPTION" });
  });
});

describe("the status of a chat", () => {
  const ready = { state: "ready", userId: 1n, device: 1, sessionId: 1n } as const;
  const lost = { state: "waiting", reconnectAtMs: 0, reason: { code: 1006, advice: "" } } as const;

  it("stands in the prompt", () => {
    assert.equal(toPrompt(ready, "bob", 0), "bob> ");
    assert.equal(toPrompt(ready, undefined, 3), "[3 unread] > ");
    assert.equal(toPrompt(lost, "bob", 0), "(offline, trying again) bob> ");
  });

  it("is told when it changes, once, and not for each attempt", () => {
    const first = toNews("unknown", lost);
    assert.match(first.news ?? "", /npm start/);
    assert.equal(toNews(first.link, { state: "connecting" }).news, undefined);
    assert.equal(toNews(first.link, lost).news, undefined);
    const back = toNews(first.link, ready);
    assert.equal(back.news, "connected again");
    assert.match(toNews(back.link, lost).news ?? "", /^connection lost/);
  });
});
