// Made from policies.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const POLICIES_SQL = `-- Changes of policies at run time: one row with the document, as JSON in ASCII. It is missing before the first change.
-- Unlike counters, changes must survive a crash. So this table is always logged.

CREATE TABLE IF NOT EXISTS :policies (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  document text NOT NULL
);
`;
