// Made from policies.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const POLICIES_SQL = `-- Changes of policies at run time: one row with the document, as JSON in ASCII. There is none until something was changed.
-- Unlike counters they are to survive a crash, whatever kind of table those are in.

CREATE TABLE IF NOT EXISTS :policies (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  document text NOT NULL
);
`;
