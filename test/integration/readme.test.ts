import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { projectRoot } from "../support/project-root.js";
import { startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { createTemporaryDirectory } from "../support/tidewire-process.js";

/** What the README shows is run here as it stands, but for the port. */
describe("the README", () => {
  let server: TestServer;
  let ann: TestUser;
  let readme: string;
  before(async () => {
    server = await startTestServer();
    ann = await server.register("ann");
    readme = await readFile(join(projectRoot, "README.md"), "utf8");
  });
  after(() => server[Symbol.asyncDispose]());

  it("sends a message by curl, and only one however often", async () => {
    await using directory = await createTemporaryDirectory();
    const script = onPort(codeAfter(readme, "## Send from anywhere", "sh"), server.url);
    const send = script.slice(script.lastIndexOf("\ncurl "));
    const { stdout } = await promisify(execFile)("bash", ["-c", `${script}\necho\n${send}`], { cwd: directory.path });
    const [first, second] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(first.stored.seq, "1");
    assert.deepEqual(second, first);
    assert.deepEqual(await textsOf(server, ann), ["Your order is on its way"]);
  });

  it("sends a message by ten lines of SDK", async () => {
    await using directory = await createTemporaryDirectory();
    const code = onPort(codeAfter(readme, "## Ten lines of SDK", "js"), server.url);
    // Within the project, where the client package is found.
    const path = join(projectRoot, ".build", `readme-${process.pid}.mjs`);
    await mkdir(join(projectRoot, ".build"), { recursive: true });
    await writeFile(path, code.replace("./device", join(directory.path, "device")));
    const hello = spawn(process.execPath, [path], { stdio: ["ignore", "pipe", "inherit"], timeout: 30_000 });
    try {
      const lines: string[] = [];
      for await (const chunk of hello.stdout.setEncoding("utf8")) {
        lines.push(chunk);
        if (lines.join("").includes("Hello, Ann")) break;
      }
      assert.match(lines.join(""), /stored at 2n/);
      assert.deepEqual(await textsOf(server, ann), ["Your order is on its way", "Hello, Ann"]);
    } finally {
      hello.kill();
      await once(hello, "exit");
      await rm(path);
    }
  });
});

/** The first block of code in this language below a heading. */
function codeAfter(markdown: string, heading: string, language: string): string {
  const [, section] = markdown.split(heading);
  const block = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(section ?? "");
  assert.ok(block?.[1], `there is a block of ${language} below "${heading}"`);
  return block[1];
}

function onPort(code: string, url: string): string {
  return code.replaceAll("127.0.0.1:8080", new URL(url).host);
}

/** The texts of the user's one conversation, oldest first. */
async function textsOf(server: TestServer, { token }: TestUser): Promise<(string | undefined)[]> {
  const { conversation } = server.api(token);
  const { conversations } = await conversation.listConversations({});
  const conversationId = conversations[0]?.conversationId ?? 0n;
  const { messages } = await conversation.getHistory({ conversationId });
  return messages.map(({ content }) => (content?.body.case === "text" ? content.body.value.text : undefined));
}
