// Made from table.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const TABLE_SQL = `-- Where counters live: one row for each subject (a user, an address), whatever number of policies it has.
--
--   subject     the key, in printable ASCII: any other character, and \`%\`, is \`%\` and its UTF-16 code in four hex digits
--   expires_ms  from then on (ms since the epoch) all of its counters are as if never seen, and the row may go
--   counters    see limiter.sql
--
-- An update that leaves \`expires_ms\` as it is touches no index, and finds room in its own page (fillfactor): it is HOT.
-- Rows come and go with the callers, so autovacuum is to come early and to work without pauses.

CREATE :unlogged TABLE IF NOT EXISTS :table (
  subject    text COLLATE "C" PRIMARY KEY,
  expires_ms bigint NOT NULL,
  counters   bigint[] NOT NULL
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.2,
  autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX IF NOT EXISTS :index ON :table (expires_ms);
`;
