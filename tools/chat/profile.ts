import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Tokens, TokensSchema } from "../../gen/ts/tidewire/v1/account_pb.js";
import { makeDirectory } from "../../runtime/make-directory.js";

/** Who chats here, and what proves it. */
export type Account = Readonly<{
  /** The server that knows this account. */
  url: string;
  name: string;
  userId: bigint;
  tokens: Tokens;
}>;

/** One person's place on this machine: account, outbox and messages, readable by this system user only. */
export interface Profile {
  readonly name: string;
  /** Nobody has logged in yet, or the login was given up. */
  account: Account | undefined;
  save(account: Account): Promise<void>;
  /** Forgets who was logged in. Messages and outbox stay. */
  forget(): Promise<void>;
  /** Where a user's device of this profile keeps its outbox and messages. */
  deviceDirectory(userId: bigint): string;
}

export const profileNamePattern: RegExp = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** Nothing is made before somebody logs in. @throws Error if the profile is there but cannot be read. */
export async function openProfile(dataDirectory: string, name: string): Promise<Profile> {
  const directory = join(dataDirectory, "chat", name);
  const path = join(directory, "account.json");

  async function write(account: Account | undefined): Promise<void> {
    await makeDirectory(directory);
    // Written aside and moved, so that a killed process leaves the old one or the new one.
    await writeFile(`${path}.new`, account === undefined ? "{}\n" : serialize(account), { mode: 0o600 });
    await rename(`${path}.new`, path);
    profile.account = account;
  }

  const profile: Profile = {
    name,
    account: parse(await readFile(path, "utf8").catch(ifMissing), path),
    save: write,
    forget: () => write(undefined),
    deviceDirectory: (userId) => join(directory, `device-${userId}`),
  };
  return profile;
}

function ifMissing(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "{}";
  throw error;
}

function serialize({ url, name, userId, tokens }: Account): string {
  const stored = { url, name, userId: String(userId), tokens: toJson(TokensSchema, tokens) };
  return `${JSON.stringify(stored, undefined, 2)}\n`;
}

function parse(text: string, path: string): Account | undefined {
  try {
    const stored = JSON.parse(text) as { url?: string; name?: string; userId?: string; tokens?: JsonValue };
    const { url, name, userId, tokens } = stored;
    if (url === undefined || name === undefined || userId === undefined || tokens === undefined) return undefined;
    const options = { ignoreUnknownFields: true };
    return { url, name, userId: BigInt(userId), tokens: create(TokensSchema, fromJson(TokensSchema, tokens, options)) };
  } catch (cause) {
    throw new Error(`${path} is damaged. Delete it to log in again; messages stay.`, { cause });
  }
}
