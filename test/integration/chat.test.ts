import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import type { ChatOptions } from "../../tools/chat/chat-options.js";
import { ChatProblem } from "../../tools/chat/problems.js";
import { runChat } from "../../tools/chat/run-chat.js";
import { createPlainTerminal } from "../../tools/chat/terminal-plain.js";
import { freePort } from "../support/postgres.js";
import { createTemporaryDirectory, startUp, type TidewireProcess } from "../support/tidewire-process.js";

const password = "correct horse battery";

/** Longer than a server takes to start on a busy machine and a client to find it again. */
const patienceMs = 60_000;

/** Somebody at a keyboard, through pipes: the whole chat in this process, the server in another. */
class Person {
  readonly #input = new PassThrough();
  readonly #output = new PassThrough();
  #printed = "";
  #wake: () => void = () => {};
  readonly done: Promise<number>;

  constructor(options: ChatOptions) {
    this.#output.setEncoding("utf8").on("data", (text: string) => {
      this.#printed += text;
      this.#wake();
    });
    const terminal = createPlainTerminal({ input: this.#input, output: this.#output });
    this.done = runChat(options, terminal);
    this.done.catch(() => {}); // those who wait for it hear of it
  }

  get lines(): string[] {
    return this.#printed.split("\n").filter((line) => line !== "");
  }

  type(...lines: string[]): void {
    for (const line of lines) this.#input.write(`${line}\n`);
  }

  /** Resolves when this has been printed; rejects with what has been if that takes too long. */
  async sees(text: string): Promise<void> {
    const patience = AbortSignal.timeout(patienceMs);
    const tooLong = new Promise<never>((_resolve, reject) => {
      patience.onabort = () => reject(new Error(`there is no ${JSON.stringify(text)} in:\n${this.#printed}`));
    });
    tooLong.catch(() => {});
    while (!this.#printed.includes(text)) {
      const news = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const end = this.done.then(() => {
        throw new Error(`the chat has ended without ${JSON.stringify(text)}:\n${this.#printed}`);
      });
      await Promise.race([news, end, tooLong]);
    }
  }

  leave(): Promise<number> {
    this.#input.end();
    return this.done;
  }
}

describe("tidewire chat", { timeout: 240_000 }, () => {
  let data: Awaited<ReturnType<typeof createTemporaryDirectory>>;
  let profiles: Awaited<ReturnType<typeof createTemporaryDirectory>>;
  let server: TidewireProcess;
  let port: number;
  const people: Person[] = [];

  async function startServer(): Promise<void> {
    const env = {
      TIDEWIRE_PORT: String(port),
      TIDEWIRE_REGISTRATIONS_PER_MINUTE: "1000",
      TIDEWIRE_MESSAGE_BURST: "1000",
    };
    server = startUp(data.path, { env });
    await server.ready;
  }

  function optionsFor(name: string, more: Partial<ChatOptions> = {}): ChatOptions {
    const urls = { socketUrl: `ws://127.0.0.1:${port}/ws`, apiUrl: `http://127.0.0.1:${port}` };
    const who = { profile: name, user: name, intent: "log-in", open: undefined } as const;
    return { ...urls, ...who, dataDirectory: profiles.path, ...more };
  }

  function arrive(name: string, more: Partial<ChatOptions> = {}): Person {
    const person = new Person(optionsFor(name, more));
    people.push(person);
    return person;
  }

  function register(name: string): Person {
    const person = arrive(name, { intent: "register" });
    person.type(password);
    return person;
  }

  before(async () => {
    data = await createTemporaryDirectory();
    profiles = await createTemporaryDirectory();
    port = await freePort();
    await startServer();
  });

  after(async () => {
    await Promise.allSettled(people.map((person) => person.leave()));
    await server[Symbol.asyncDispose]();
    await profiles[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

  it("lets two people talk, and remembers what was said and what was unread", async () => {
    const [ann, bob] = [register("ann"), register("bob")];
    await Promise.all([ann.sees("connected"), bob.sees("connected")]);
    ann.type("/open bob", "hello bob");
    await ann.sees("ann: hello bob ✓");
    await bob.sees("[ann] ann: hello bob");
    bob.type("/open ann", "hello ann");
    await bob.sees("bob: hello ann ✓");
    await ann.sees("bob: hello ann");
    assert.equal(await bob.leave(), 0);
    ann.type("are you there?");
    await ann.sees("ann: are you there? ✓");
    const again = arrive("bob");
    await again.sees("ann (1 unread) — are you there?");
    again.type("/open ann");
    await again.sees("ann: are you there?\n");
    assert.equal(await again.leave(), 0);
    assert.equal(await ann.leave(), 0);
  });

  it("lets three people talk in a group that one of them joins later and one leaves", async () => {
    const [dan, eve, fay] = [register("dan"), register("eve"), register("fay")];
    await Promise.all([dan.sees("connected"), eve.sees("connected"), fay.sees("connected")]);
    dan.type('/group "chess club" eve', "welcome");
    await eve.sees("[chess club] dan: welcome");
    eve.type("/open chess club", "thanks");
    await dan.sees("eve: thanks");
    dan.type("/add fay");
    await fay.sees("[chess club] * dan added fay");
    fay.type("/open chess club", "good evening", "/members");
    await Promise.all([dan.sees("fay: good evening"), eve.sees("fay: good evening")]);
    await fay.sees("* dan, eve, fay");
    eve.type("/leave");
    await Promise.all([dan.sees("* eve left"), eve.sees("* you left chess club")]);
    await Promise.all([dan.leave(), eve.leave(), fay.leave()]);
  });

  it("carries on by itself when the server is killed while both keep typing", async () => {
    const [gus, hal] = [register("gus"), register("hal")];
    await Promise.all([gus.sees("connected"), hal.sees("connected")]);
    gus.type("/open hal");
    hal.type("/open gus");
    await Promise.all([gus.sees("--- hal ---"), hal.sees("--- gus ---")]);
    const numbers = Array.from({ length: 40 }, (_, index) => index);
    for (const number of numbers.slice(0, 20)) {
      gus.type(`gus ${number}`);
      hal.type(`hal ${number}`);
    }
    await gus.sees("gus: gus 2 ✓");
    server.signal("SIGKILL");
    await server.exited;
    for (const number of numbers.slice(20)) {
      gus.type(`gus ${number}`);
      hal.type(`hal ${number}`);
    }
    await Promise.all([gus.sees("connection lost"), hal.sees("connection lost")]);
    await startServer();
    await Promise.all([gus.sees("gus: gus 39 ✓"), hal.sees("hal: hal 39 ✓")]);
    await Promise.all([gus.sees("hal: hal 39"), hal.sees("gus: gus 39")]);
    const said = ({ lines }: Person) =>
      lines.map((line) => line.replace(/ ✓$/, "")).filter((line) => /^(gus|hal): (gus|hal) \d+$/.test(line));
    assert.deepEqual(said(gus), said(hal));
    assert.equal(new Set(said(gus)).size, 80);
    for (const name of ["gus", "hal"]) {
      const own = said(gus).filter((line) => line.startsWith(`${name}:`));
      assert.deepEqual(
        own,
        numbers.map((number) => `${name}: ${name} ${number}`),
      );
    }
    gus.type("/history 200", "/quit");
    assert.equal(await gus.done, 0);
    const history = said(gus).slice(80);
    assert.deepEqual(history, said(hal));
    await hal.leave();
  });

  it("keeps what is typed without a server, and sends it when there is one", async () => {
    const ivy = register("ivy");
    await ivy.sees("connected");
    ivy.type("/open ivy", "a note");
    await ivy.sees("ivy: a note ✓");
    server.signal("SIGKILL");
    await server.exited;
    await ivy.sees("connection lost");
    ivy.type("written offline");
    ivy.type("/open nobody");
    await ivy.sees("Is the server running?");
    await startServer();
    await ivy.sees("ivy: written offline ✓");
    assert.equal(await ivy.leave(), 0);
  });

  it("says what is wrong with a login, and what to do", async () => {
    const wrong = arrive("nobody-at-all");
    wrong.type(password);
    await assert.rejects(wrong.done, (error) => error instanceof ChatProblem && /--register/.test(error.advice));
    const jan = register("jan");
    await jan.sees("connected");
    await jan.leave();
    const taken = new Person(optionsFor("jan", { intent: "register", profile: "jan-2" }));
    taken.type(password);
    await assert.rejects(taken.done, /taken/);
    const other = arrive("kay", { profile: "jan" });
    await assert.rejects(other.done, /belongs to jan/);
    const silent = arrive("lea");
    await assert.rejects(silent.leave(), /Nobody logged in/);
    assert.ok(!(await readdir(join(profiles.path, "chat"))).includes("lea"));
  });

  it("says how to start a server where none answers", async () => {
    const nowhere = await freePort();
    const urls = { socketUrl: `ws://127.0.0.1:${nowhere}/ws`, apiUrl: `http://127.0.0.1:${nowhere}` };
    const person = arrive("max", urls);
    person.type(password);
    await assert.rejects(person.done, (error) => error instanceof ChatProblem && /npm start/.test(error.advice));
  });

  it("keeps two terminals from using one profile", async () => {
    const mia = register("mia");
    await mia.sees("connected");
    await assert.rejects(arrive("mia").done, /in use by process/);
    await mia.leave();
    assert.equal(await arrive("mia").leave(), 0);
  });

  it("keeps tokens and messages where only their owner can read them, and never the password", async () => {
    const ned = register("ned");
    await ned.sees("connected");
    await ned.leave();
    const folder = join(profiles.path, "chat", "ned");
    const account = await readFile(join(folder, "account.json"), "utf8");
    assert.ok(!account.includes(password));
    assert.equal((await stat(join(folder, "account.json"))).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it("explains refusals, unknown names and wrong commands, and goes on", async () => {
    const oda = register("oda");
    await oda.sees("connected");
    oda.type("to nobody", "/open who-is-this", "/dance", "/add x", "/help");
    await oda.sees("No conversation is open");
    await oda.sees("! Nobody is called who-is-this.");
    await oda.sees("There is no /dance.");
    await oda.sees("! No conversation is open. /open NAME opens one.");
    await oda.sees("/history [COUNT]");
    oda.type("/open oda", "x".repeat(20_000));
    await oda.sees("✗ Shorten the message");
    assert.equal(await oda.leave(), 0);
  });
});
