/** Markup that may be inserted as it is. Only `html` and `trusted` make it. */
class Html {
  readonly #markup: string;
  constructor(markup: string) {
    this.#markup = markup;
  }
  toString(): string {
    return this.#markup;
  }
}

export type { Html };

/** What a template takes; `false` is nothing, so that parts can be left out with `&&`. */
type Part = Html | string | number | false | readonly Part[];

/** Markup from a template. Whatever is inserted is escaped, unless it is markup itself. */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: template }, ...parts.map(toMarkup)));
}

/** Text that is markup already: a style sheet, a script of ours. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

/** For a script element that holds data: nothing in it can end that element. */
export function toScriptJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll("<", "\\u003c"));
}

function toMarkup(part: Part): string {
  if (part instanceof Html) return part.toString();
  if (typeof part === "object") return part.map(toMarkup).join("");
  return part === false ? "" : escapeText(String(part));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
}
