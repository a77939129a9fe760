-- Decides on many calls at once, each of one subject and any number of policies. PostgreSQL prepares the expressions of
-- a function again for each transaction, so several calls in one transaction cost little more than one.
--
--   subjects  the subject of each call
--   charges   the charges of each call, one call after the other, in the format of limiter.sql
--   sizes     the number of charges of each call
--   patience  maximum wait for a locked row, ms
--
-- Returns for each call what the limiter returns. If another transaction decides on the subject, it returns as many
-- NULLs instead, and does not wait.

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
