import type { ExecutionContext } from '@nestjs/common';

const LARGEST = 10;

/** How many pages of results a request asks for, and so what it costs: `?pages=`, 1 to 10, default 1. */
export function pagesOf(context: ExecutionContext): number {
  const { query } = context.switchToHttp().getRequest<{ query: Record<string, unknown> }>();
  const pages = Number(query['pages'] ?? 1);
  // A cost from outside must be a whole number within bounds, whatever is sent.
  return Number.isSafeInteger(pages) ? Math.min(Math.max(pages, 1), LARGEST) : 1;
}
