import { resolve } from "node:path";

/**
 * How the value of an option is read. The same for text from the environment and for JSON from a file, which may spell a
 * number as a number and a list as a list.
 */
export type ValueKind<Value> = Readonly<{
  /** Completes the sentence "must be …". */
  expects: string;
  /** Undefined if `raw` is not acceptable. */
  parse(raw: unknown): Value | undefined;
}>;

/** A whole number, limits included. */
export function integer(min: number, max: number): ValueKind<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    parse(raw) {
      const number = typeof raw === "string" && /^-?\d+$/.test(raw.trim()) ? Number(raw) : raw;
      return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max
        ? number
        : undefined;
    },
  };
}

export function flag(): ValueKind<boolean> {
  const words = new Map<unknown, boolean>([
    [true, true],
    ["true", true],
    ["1", true],
    ["yes", true],
    [false, false],
    ["false", false],
    ["0", false],
    ["no", false],
  ]);
  return { expects: "true or false", parse: (raw) => words.get(typeof raw === "string" ? raw.toLowerCase() : raw) };
}

export function choice<const Word extends string>(...words: Word[]): ValueKind<Word> {
  return { expects: `one of ${words.join(", ")}`, parse: (raw) => words.find((word) => word === raw) };
}

/** Either of two kinds; the first is tried first. */
export function either<One, Two>(one: ValueKind<One>, two: ValueKind<Two>): ValueKind<One | Two> {
  return { expects: `${one.expects}, or ${two.expects}`, parse: (raw) => one.parse(raw) ?? two.parse(raw) };
}

/** One line of text. The empty text is acceptable: it stands for "not set". */
export function text(
  expects = "one line of text",
  accepts: (value: string) => boolean = () => true,
): ValueKind<string> {
  return {
    expects,
    parse(raw) {
      if (typeof raw !== "string" || /[\r\n\0]/.test(raw)) return undefined;
      return raw === "" || accepts(raw) ? raw : undefined;
    },
  };
}

/** A directory; relative ones are taken from the working directory. */
export function directory(): ValueKind<string> {
  return {
    expects: "a directory",
    parse: (raw) => (typeof raw === "string" && raw !== "" && !raw.includes("\0") ? resolve(raw) : undefined),
  };
}

export function url(...protocols: string[]): ValueKind<string> {
  const starts = protocols.map((protocol) => `${protocol}://…`).join(" or ");
  return text(`a URL, ${starts}`, (raw) => URL.canParse(raw) && protocols.includes(new URL(raw).protocol.slice(0, -1)));
}

/** Web origins (RFC 6454), separated by commas, such as `https://chat.example`. */
export function origins(): ValueKind<readonly string[]> {
  const isOrigin = (item: unknown): item is string =>
    typeof item === "string" && /^https?:/.test(item) && URL.canParse(item) && new URL(item).origin === item;
  return {
    expects: "a list of origins, such as https://chat.example, separated by commas",
    parse(raw) {
      const items = typeof raw === "string" ? raw.split(",").map((item) => item.trim()) : raw;
      if (!Array.isArray(items)) return undefined;
      const filled: unknown[] = items.filter((item) => item !== "");
      return filled.every(isOrigin) ? Object.freeze(filled) : undefined;
    },
  };
}

/** A private Ed25519 key as a JWK (RFC 8037), in JSON. */
export function ed25519Key(): ValueKind<string> {
  return text("a private Ed25519 key as a JWK in JSON", (raw) => {
    try {
      const { kty, crv, d, x } = JSON.parse(raw) as Record<string, unknown>;
      return kty === "OKP" && crv === "Ed25519" && typeof d === "string" && typeof x === "string";
    } catch {
      return false;
    }
  });
}
