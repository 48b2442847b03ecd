/**
 * What the contract says, free of protobuf and of any language: the one input of every target.
 * Names are spelled as in the `.proto` files; comments are theirs, without the leading "// ".
 */
export interface Contract {
  /** The folder that holds every file of the contract, such as "tidewire/v1". */
  folder: string;
  clientFrames: FrameUnion<ClientFrameKind>;
  serverFrames: FrameUnion<FrameKind>;
  errors: CodeTable<ErrorCodeMeaning>;
  closes: CodeTable<CloseCodeMeaning>;
  limits: Limit[];
  methods: Method[];
  /** Only messages from which a limited field can be reached. */
  messageLimits: MessageLimits[];
}

/** A message or an enum, and the file that declares it. */
export interface TypeName {
  /** Such as "ClientFrame". */
  name: string;
  /** Such as "tidewire/v1/frame.proto". */
  file: string;
}

/** All frames that travel in one direction. */
export interface FrameUnion<Kind> {
  type: TypeName;
  /** The name of the oneof that holds the frames. */
  oneof: string;
  kinds: Kind[];
}

export interface FrameKind {
  /** The field number on the wire. */
  number: number;
  name: string;
  comment: string;
}

export interface ClientFrameKind extends FrameKind {
  /** The server frame that answers it. */
  reply: string | undefined;
  /** "any": before and after login; "ready": only after. */
  phase: "any" | "ready";
}

/** An enum whose values carry a meaning; its zero value carries none. */
export interface CodeTable<Meaning> {
  type: TypeName;
  zeroName: string;
  codes: Meaning[];
}

/** What both kinds of code have. */
export interface CodeMeaning {
  number: number;
  /** Without the prefix of its enum, such as "NOT_A_MEMBER". */
  name: string;
  comment: string;
  /** One sentence or two for a developer. */
  advice: string;
}

export type RemedyName = "none" | "retry-later" | "new-token" | "change-request";

export interface ErrorCodeMeaning extends CodeMeaning {
  remedy: RemedyName;
  /** As Connect spells it on the wire, such as "permission_denied". */
  connectCode: string;
  consumesClientId: boolean;
}

export interface CloseCodeMeaning extends CodeMeaning {
  /** The range rule: true below `firstFinalCloseCode`. */
  reconnect: boolean;
}

/** A field of `Limits`. */
export interface Limit {
  name: string;
  comment: string;
  defaultValue: number;
}

export type AudienceName = "anyone" | "user" | "internal";

export interface Method {
  /** As in an HTTP request: "/tidewire.v1.AccountService/Login". */
  path: string;
  comment: string;
  audience: AudienceName;
}

/** The limited fields of a message, and those that lead to messages with limited fields. */
export interface MessageLimits {
  /** Such as "tidewire.v1.Login". */
  typeName: string;
  fields: FieldLimit[];
}

export interface FieldLimit {
  name: string;
  /** The oneof that the field is in. */
  oneof: string | undefined;
  /** Most bytes of a bytes field or of a string in UTF-8; in a repeated field, of each item. */
  maxBytes: number | undefined;
  /** Most items of a repeated field. */
  maxItems: number | undefined;
  /** The type of the message (or messages) in this field, if limits go on in there. */
  messageType: string | undefined;
}

/** Close codes that Tidewire uses (RFC 6455 §7.4.2, private range): both ends included. */
export const firstCloseCode = 4000;
export const lastCloseCode = 4999;
/** From here on a client does not reconnect by itself. */
export const firstFinalCloseCode = 4500;
