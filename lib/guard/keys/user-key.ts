/** What tells one user from another: a text, a number, or an object with a text of its own, such as an ObjectId. */
export type Identity = string | number | bigint | { toString(): string };

/** Where users of the common authentication libraries and databases have their identity. */
const PROPERTIES = ['id', 'sub', 'userId', '_id'] as const;

/** Who a user is, unless the application says: the first of its `id`, `sub`, `userId` and `_id` that identifies it. */
export function defaultUserKey(user: unknown): string | undefined {
  for (const property of PROPERTIES) {
    const text = identityText((user as Readonly<Record<string, unknown>>)[property]);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The text of an identity; `undefined` of what is missing or went wrong, since that would be the same for many. */
export function identityText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value === '' ? undefined : value;
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined;
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? undefined : identityText(ownText(value));
    default:
      return undefined;
  }
}

/** What an object says it is, unless it says what every object does, or lists what it holds. */
function ownText(value: object): string | undefined {
  const { toString } = value as { toString?: unknown };
  if (typeof toString !== 'function' || toString === Object.prototype.toString || Array.isArray(value))
    return undefined;
  const text: unknown = toString.call(value);
  return typeof text === 'string' ? text : undefined;
}
