import type { SubjectItem } from './subject-item.js';

/** An item to be written in place of the one that was read. */
export interface ItemWrite {
  readonly subject: string;
  readonly before: SubjectItem;
  readonly after: SubjectItem & { readonly version: string };
}

/** What became of a write: all of it is stored, or none because items have changed. */
export type WriteResult =
  | { readonly kind: 'written' }
  /** Those that had changed, as they are now; `undefined` where the server does not tell. */
  | { readonly kind: 'stale'; readonly items: ReadonlyMap<string, SubjectItem | undefined> };
