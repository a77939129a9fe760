/** A query of the backend: one statement with separate parameters, and rows as arrays of text. */
export interface PostgresQuery {
  readonly text: string;
  readonly values?: unknown[];
  readonly rowMode: 'array';
  /** Overrides the parsers of the pool and the process: every value is the text that the server sent. */
  readonly types: { getTypeParser(): (value: string) => string };
}

/** A connection that was taken from a pool. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ readonly rows: readonly (readonly unknown[])[] }>;
  /** Returns it to the pool; with `true`, closes it in any case. */
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * The part of a pool that the backend uses. `Pool` of pg 8 has it.
 *
 * It is a separate type, so that it matches any version of pg.
 */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** The PostgreSQL to use: a pool of the application, or the settings of a new pool. */
export type PostgresConnection =
  /** A `Pool` of pg 8, with any options. The application closes it. */
  | { readonly pool: PostgresPool; readonly connectionString?: never }
  /** Such as `postgres://user:password@host:5432/database`. */
  | { readonly connectionString: string; readonly pool?: never };

/** Whether this is a pool at all: TypeScript need not have looked. A `Client` of pg connects, too, but holds no clients. */
export const isPool = (pool: unknown): pool is PostgresPool =>
  typeof pool === 'object' && pool !== null && 'connect' in pool && 'totalCount' in pool;

const asWritten = (value: string): string => value;

/** Any statement of the backend. No name: a pooler such as PgBouncer may give each to another server connection. */
export const statement = (text: string, values: unknown[] = []): PostgresQuery => ({
  text,
  values,
  rowMode: 'array',
  types: { getTypeParser: () => asWritten },
});
