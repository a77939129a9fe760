import type { TableNames } from './table-names.js';

/** What the database is used for: who uses it, in errors, and what it has to be granted. */
export interface Purpose {
  readonly caller: 'postgresBackend' | 'postgresPolicyStore';
  grants(names: TableNames): string;
}

export const COUNTING: Purpose = {
  caller: 'postgresBackend',
  grants: ({ schema, table, limiter, many, each }) =>
    `GRANT USAGE ON SCHEMA ${schema} TO <role>; ` +
    `GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE ${table} TO <role>; ` +
    `GRANT EXECUTE ON FUNCTION ${limiter}, ${many}, ${each} TO <role>;`,
};

export const KEEPING_POLICIES: Purpose = {
  caller: 'postgresPolicyStore',
  grants: ({ schema, policies }) =>
    `GRANT USAGE ON SCHEMA ${schema} TO <role>; GRANT SELECT, INSERT, UPDATE ON TABLE ${policies} TO <role>;`,
};
