-- The counters: one row for each subject (a user, an address), for any number of policies.
--
--   subject     the key, in printable ASCII; other characters, and `%`, are `%` and a UTF-16 code in four hex digits
--   expires_ms  from this time (ms since the epoch), all its counters count as new, and the row can be deleted
--   counters    see limiter.sql
--
-- An update that does not change `expires_ms` writes no index, and finds space in its own page (fillfactor): it is HOT.
-- Rows come and go with the callers, so autovacuum starts early and works without pauses.

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
