import type { ClientFrameKind, FrameKind, FrameUnion } from "../model.js";
import { braced, docComment, quote, toLocalName, toModule } from "./text.js";

/** `dispatch.ts`: what there is to know of a frame from its number, and a call for every kind of frame. */
export function emitDispatch(client: FrameUnion<ClientFrameKind>, server: FrameUnion<FrameKind>): string {
  return `${emitImports(client, server)}
${emitUnion(client, emitClientKind(client, server), emitClientEntry)}
${emitUnion(server, emitServerKind(server), emitServerEntry)}`;
}

function emitImports(client: FrameUnion<FrameKind>, server: FrameUnion<FrameKind>): string {
  const names = new Map([[toModule(client.type), [client.type.name]]]);
  names.set(toModule(server.type), [...(names.get(toModule(server.type)) ?? []), server.type.name]);
  return [...names]
    .sort()
    .map(([module, types]) => `import type { ${types.sort().join(", ")} } from "${module}";\n`)
    .join("");
}

function emitUnion<Kind extends FrameKind>(
  union: FrameUnion<Kind>,
  kindDeclaration: string,
  emitEntry: (kind: Kind) => string,
): string {
  return [emitTypes(union), kindDeclaration, emitTable(union, emitEntry), emitHandlers(union), emitSwitch(union)].join(
    "\n",
  );
}

function emitTypes({ type: { name }, oneof }: FrameUnion<FrameKind>): string {
  const body = `${name}[${quote(toLocalName(oneof))}]`;
  return `/** The name of each frame in a ${name}. */
export type ${name}Case = NonNullable<${body}["case"]>;

/** The message that a ${name} of this case carries. */
export type ${name}Of<Case extends ${name}Case> = Extract<${body}, { case: Case }>["value"];
`;
}

function emitClientKind({ type: { name } }: FrameUnion<FrameKind>, server: FrameUnion<FrameKind>): string {
  return `/** What the contract says of one case of ${name}. */
export interface ${name}Kind {
  readonly kind: ${name}Case;
  /** "any": legal before and after login; "ready": only after. */
  readonly phase: "any" | "ready";
  /** The server frame that answers it, if one does. */
  readonly reply: ${server.type.name}Case | undefined;
}
`;
}

function emitServerKind({ type: { name } }: FrameUnion<FrameKind>): string {
  return `/** What the contract says of one case of ${name}. */
export interface ${name}Kind {
  readonly kind: ${name}Case;
}
`;
}

function emitTable<Kind extends FrameKind>(union: FrameUnion<Kind>, emitEntry: (kind: Kind) => string): string {
  const { name } = union.type;
  return `/** By field number, so that a peek at the first varint of a ${name} tells its kind. */
export const ${lowerFirst(name)}Kinds: Readonly<Record<number, ${name}Kind>> = {
${union.kinds.map(emitEntry).join("")}};
`;
}

function emitClientEntry({ number, name, phase, reply }: ClientFrameKind): string {
  const answer = reply === undefined ? "undefined" : quote(toLocalName(reply));
  const entries = [`kind: ${quote(toLocalName(name))}`, `phase: ${quote(phase)}`, `reply: ${answer}`];
  return braced(`${number}: `, entries, ",", "  ");
}

function emitServerEntry({ number, name }: FrameKind): string {
  return braced(`${number}: `, [`kind: ${quote(toLocalName(name))}`], ",", "  ");
}

function emitHandlers({ type: { name }, kinds }: FrameUnion<FrameKind>): string {
  const methods = kinds.map((kind) => {
    const local = toLocalName(kind.name);
    return `${docComment(kind.comment, "  ")}  ${local}(frame: ${name}Of<${quote(local)}>): R;\n`;
  });
  return `/** One method for each case of ${name}: a new case in the contract fails to compile until it is handled. */
export interface ${name}Handlers<R> {
${methods.join("")}  /** An empty frame, or one that this version of the contract does not know. */
  unknown(): R;
}
`;
}

function emitSwitch({ type: { name }, oneof, kinds }: FrameUnion<FrameKind>): string {
  const cases = kinds.map((kind) => {
    const local = toLocalName(kind.name);
    return `    case ${quote(local)}:\n      return handlers.${local}(body.value);\n`;
  });
  return `/** Calls the handler of the frame's case and returns its result. */
export function dispatch${name}<R>(frame: ${name}, handlers: ${name}Handlers<R>): R {
  const body = frame.${toLocalName(oneof)};
  switch (body.case) {
${cases.join("")}    case undefined:
      return handlers.unknown();
  }
}
`;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
