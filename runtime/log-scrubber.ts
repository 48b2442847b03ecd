const placeholder = "[secret]";

/** A signed token (RFC 7515, compact): three base64url parts, of which the first is JSON. */
const signedToken = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const bearer = /\b(bearer)\s+[\w.~+/-]{8,}=*/gi;
const urlCredentials = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi;
const namedSecret = /(password|passwd|secret|token)(["\\]*\s*[=:]\s*["\\]*)[^\s"',;&}\\]{4,}/gi;

/** Below this, a secret would be found everywhere in a text. */
const secretMinLength = 6;

/**
 * The last line of defence, behind the allowlist of fields: removes what looks like a credential, and `secrets` wherever
 * they stand, from a finished line. Messages of other people's errors can quote anything.
 */
export function createScrubber(secrets: readonly string[]): (line: string) => string {
  const quoted = secrets
    .filter((secret) => secret.length >= secretMinLength)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  const known = [...new Set(quoted)].sort((a, b) => b.length - a.length);
  return (line) => {
    let clean = line;
    for (const secret of known) clean = clean.replaceAll(secret, placeholder);
    return clean
      .replace(signedToken, placeholder)
      .replace(bearer, `$1 ${placeholder}`)
      .replace(urlCredentials, `$1${placeholder}@`)
      .replace(namedSecret, `$1$2${placeholder}`);
  };
}
