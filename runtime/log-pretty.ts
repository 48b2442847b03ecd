const colours: Record<string, string> = { trace: "2", debug: "2", info: "36", warn: "33", error: "31" };

/** Turns a line of JSON as pino writes it into one for people: time, level, message, fields; an error's stack below. */
export function toPrettyLine(json: string, colour: boolean): string {
  const { time, level, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const paint = (code: string, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const name = String(level);
  const pairs = Object.entries(fields).map(([key, value]) => ` ${paint("2", `${key}=`)}${toText(value)}`);
  const head = `${paint("2", clock)} ${paint(colours[name] ?? "0", name.padEnd(5))} ${String(msg)}`;
  return `${head}${pairs.join("")}${toErrorText(err)}\n`;
}

function toText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(value);
}

function toErrorText(err: unknown): string {
  if (err === undefined) return "";
  if (typeof err !== "object" || err === null) return `\n    ${toText(err)}`;
  const { name, message, stack, cause } = err as Record<string, unknown>;
  const lines = String(stack ?? `${String(name)}: ${String(message)}`).split("\n");
  const because = toErrorText(cause).replace("\n    ", "\n    because: ");
  return `${lines.map((line) => `\n    ${line.trim()}`).join("")}${because}`;
}
