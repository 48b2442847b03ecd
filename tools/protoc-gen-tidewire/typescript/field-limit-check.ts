/**
 * The function that walks the table `fieldLimits`. It ships as text because generated code imports nothing of ours:
 * services, gateway and clients all stand above it.
 */
export const fieldLimitCheck = `/**
 * Looks for a field that is larger than the contract allows, here or in a message further in.
 * Returns the path of the first one, such as "content.image.file.url" or "submissions[3].up_msg"; undefined if all is well.
 */
export function checkFieldLimits<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): string | undefined {
  return violationIn(schema.typeName, message);
}

function violationIn(typeName: string, message: unknown): string | undefined {
  const fields = message as Readonly<Record<string, unknown>>;
  for (const limit of fieldLimits[typeName] ?? []) {
    const value = valueOf(fields, limit);
    if (value === undefined) continue;
    const violation = Array.isArray(value) ? violationInList(value, limit) : violationInItem(value, limit, limit.name);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

function valueOf(fields: Readonly<Record<string, unknown>>, limit: FieldLimit): unknown {
  if (limit.oneof === undefined) return fields[limit.key];
  const chosen = fields[limit.oneof] as { case?: string; value?: unknown };
  return chosen.case === limit.key ? chosen.value : undefined;
}

function violationInList(items: readonly unknown[], limit: FieldLimit): string | undefined {
  if (limit.maxItems !== undefined && items.length > limit.maxItems) return limit.name;
  if (limit.maxBytes === undefined && limit.message === undefined) return undefined;
  for (const [index, item] of items.entries()) {
    const violation = violationInItem(item, limit, \`\${limit.name}[\${index}]\`);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

function violationInItem(value: unknown, limit: FieldLimit, path: string): string | undefined {
  if (limit.maxBytes !== undefined && isLarger(value as string | Uint8Array, limit.maxBytes)) return path;
  if (limit.message === undefined) return undefined;
  const violation = violationIn(limit.message, value);
  return violation === undefined ? undefined : \`\${path}.\${violation}\`;
}

/** A UTF-16 unit takes 1 to 3 bytes of UTF-8, so most strings need not be walked through. */
function isLarger(value: string | Uint8Array, maxBytes: number): boolean {
  if (value.length > maxBytes) return true;
  if (typeof value !== "string" || value.length * 3 <= maxBytes) return false;
  return utf8Size(value) > maxBytes;
}

function utf8Size(text: string): number {
  let sizeBytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    sizeBytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return sizeBytes;
}
`;
