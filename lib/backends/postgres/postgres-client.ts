/** What the backend asks a client: one statement, with its parameters apart, and rows as arrays of text. */
export interface PostgresQuery {
  readonly text: string;
  readonly values?: unknown[];
  readonly rowMode: 'array';
  /** Stands above the pool's and the process's parsers: every value comes as the server wrote it. */
  readonly types: { getTypeParser(): (value: string) => string };
}

/** A connection that was taken from a pool. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ readonly rows: readonly (readonly unknown[])[] }>;
  /** Gives it back; with `true` it is closed, whatever it does. */
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * What the backend needs of a pool: `Pool` of pg 8 has it.
 *
 * A type of its own, so that this package's types fit whichever version of pg an application has.
 */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** Which PostgreSQL: a pool of the application, or what a pool of our own is made from. */
export type PostgresConnection =
  /** A `Pool` of pg 8, with any options. It stays the application's to close. */
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
