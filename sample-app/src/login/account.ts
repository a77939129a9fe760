import type { ExecutionContext } from '@nestjs/common';

/** What a client sends to log in; nothing of it can be relied on. */
export interface Credentials {
  readonly account?: unknown;
  readonly password?: unknown;
}

/** A key of the login's limit: the account that somebody tries, whether it exists or not. */
export function accountOf(context: ExecutionContext): string {
  const { body } = context.switchToHttp().getRequest<{ body?: Credentials }>();
  const account = body?.account;
  return typeof account === 'string' ? `account:${account.trim().toLowerCase()}` : 'account:';
}
