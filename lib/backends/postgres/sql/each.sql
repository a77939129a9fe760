-- Calls of one subject and any number of policies, many at once: the limiter decides on each. PostgreSQL prepares the
-- expressions of a function anew for each transaction, so several calls in one cost little more than one.
--
--   subjects  the subject of each call
--   charges   the charges of each call, one call after the other, as limiter.sql tells; each call has one subject
--   sizes     of each call, the number of its charges
--   patience  how long to wait for a row that somebody else has locked, ms
--
-- Returns of each call what the limiter returns; as many NULLs where another transaction decides on the subject: this
-- one does not wait for it.

CREATE OR REPLACE FUNCTION :each(subjects text[], charges bigint[], sizes integer[], patience integer)
RETURNS bigint[] LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $limiter$
DECLARE
  FIELDS CONSTANT integer := 11;
  place integer := 1;
  reply bigint[] := '{}';
BEGIN
  FOR index IN 1 .. cardinality(subjects) LOOP
    IF pg_try_advisory_xact_lock(hashtextextended(subjects[index], :seed)) THEN
      reply := reply || :limiter(
        0, subjects[index : index], charges[place : place + FIELDS * sizes[index] - 1], '{}', -1, patience
      );
    ELSE
      reply := reply || array_fill(NULL::bigint, ARRAY[1 + 4 * sizes[index]]);
    END IF;
    place := place + FIELDS * sizes[index];
  END LOOP;
  RETURN reply;
END
$limiter$;
