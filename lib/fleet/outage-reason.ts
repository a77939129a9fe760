/** Why a store is out of reach, in one word for the log: a code or a name, never a message, which may hold an address. */
export function outageReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unavailable';
  const { code, cause, name } = error as { code?: unknown; cause?: unknown; name: string };
  if (cause instanceof Error) return outageReason(cause);
  return typeof code === 'string' ? code : name;
}
