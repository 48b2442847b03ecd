import { randomUUID } from "node:crypto";
import { chmod, link, open, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** The Ed25519 key pair with which this server signs access tokens. */
export type SigningKey = Readonly<{
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** The key's thumbprint (RFC 7638): the `kid` of each token. */
  keyId: string;
}>;

/** Where the key lies unless configuration holds it. */
export const signingKeyFile = "token-key.json";

/**
 * Reads the signing key: from `jwk` if given, otherwise from `<directory>/token-key.json`, which is made on first start
 * and readable by its owner only. Several servers that share users need the same key.
 * @throws TidewireError `INVALID_ARGUMENT` if it is not a private Ed25519 JWK (RFC 8037), or the file cannot be used.
 */
export async function loadSigningKey(options: { jwk?: string; directory: string }): Promise<SigningKey> {
  if (options.jwk) return parseSigningKey(options.jwk, "the configured token key");
  const path = join(options.directory, signingKeyFile);
  try {
    const text = (await readIfThere(path)) ?? (await createKeyFile(path));
    return await parseSigningKey(text, path);
  } catch (cause) {
    if (cause instanceof TidewireError) throw cause;
    throw unusable(`${path} cannot be read or written: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}

/** @param source Names the origin of `text` in errors. */
export async function parseSigningKey(text: string, source: string): Promise<SigningKey> {
  try {
    const { kty, crv, x, d } = JSON.parse(text) as JWK;
    if (kty !== "OKP" || crv !== "Ed25519" || typeof x !== "string" || typeof d !== "string") throw new Error("fields");
    const publicJwk = { kty, crv, x };
    const [privateKey, publicKey] = await Promise.all([importKey({ ...publicJwk, d }), importKey(publicJwk)]);
    await probe(privateKey, publicKey);
    return { privateKey, publicKey, keyId: await calculateJwkThumbprint(publicJwk) };
  } catch {
    // The cause is dropped on purpose: a parser's message may quote the secret.
    throw unusable(`${source} does not hold a private Ed25519 JWK: restore it, or remove it to have a new one made`);
  }
}

/** A fresh key, as the JSON text of a private JWK. */
export async function generateSigningKey(): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  return `${JSON.stringify(await exportJWK(privateKey))}\n`;
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, "EdDSA");
  if (key instanceof Uint8Array) throw new Error("not a key pair");
  return key;
}

/** A public half that does not belong to the private one would refuse every token that this server issues. */
async function probe(privateKey: CryptoKey, publicKey: CryptoKey): Promise<void> {
  const data = new TextEncoder().encode("tidewire");
  const signature = await crypto.subtle.sign("Ed25519", privateKey, data);
  if (!(await crypto.subtle.verify("Ed25519", publicKey, signature, data))) throw new Error("halves do not match");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Links a complete file into place, so that neither a crash nor a second process ever shows half a key. */
async function createKeyFile(path: string): Promise<string> {
  const draft = `${path}.${randomUUID()}.tmp`;
  const text = await generateSigningKey();
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await chmod(draft, 0o600);
    await link(draft, path);
    return text;
  } catch (error) {
    if (isCode(error, "EEXIST")) return await readFile(path, "utf8");
    throw error;
  } finally {
    await unlink(draft);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function unusable(message: string, cause?: unknown): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message, { cause });
}
