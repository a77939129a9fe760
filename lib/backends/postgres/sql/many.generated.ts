// Made from many.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const MANY_SQL = `-- Decides on many simple calls at once. A simple call has one subject and one policy, which admits it. The row holds
-- only this counter, the policy has not changed, the clock has not stepped back, and the expiry can stay. The limiter
-- decides on all other calls.
--
-- PostgreSQL prepares each expression of a function again for each transaction, and each statement each time it runs.
-- This costs more than the calculation. So one statement decides on all calls of one algorithm.
--
--   keys     the subjects; if several calls have the same one, the limiter decides on all but the first
--   ...      the values of each call, as in limiter.sql, in arrays; \`enforced\` is 0 for a shadow policy
--   patience maximum wait for a locked row, ms
--
-- Returns five numbers for each call: now (ms), remaining, resetAfterMs, retryAfterMs and nextUnitAfterMs. If another
-- transaction decides on the subject, all are NULL: this one does not wait. So few transactions wait for each other,
-- and no call waits because of another call's key.
--
-- The planner calculates with the arguments before it reads a row. So the caller must ensure that quota, cost and burst
-- are at least 1, cost is at most burst, and quota x window_ms is at most 2^52 (except for a fixed window). Otherwise a
-- product could be out of range. The arithmetic is that of limiter.sql, which also explains the numbers of a counter:
-- t.counters[3] to [7] are kept_until, windowMs, at, used and rest.

CREATE OR REPLACE FUNCTION :many(
  keys text[], ids bigint[], algorithms bigint[], quotas bigint[], windows bigint[], costs bigint[], bursts bigint[],
  blocks bigint[], enforced bigint[], patience integer
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $limiter$
DECLARE
  total CONSTANT integer := cardinality(keys);
  setting text;
  -- The first call of each subject, unless another transaction has locked it. \`others\`: those locked subjects.
  free text[] := keys;
  others text[] := '{}';
  reply bigint[] := array_fill(NULL::bigint, ARRAY[5 * total]);
  now_ms bigint;
  spot bigint;
  told bigint[];
BEGIN
  setting := set_config('lock_timeout', patience::text, true) || set_config('synchronous_commit', 'off', true);
  FOR index IN 1 .. total LOOP
    IF keys[index] = ANY (keys[: index - 1]) THEN
      free[index] := NULL;
    ELSIF NOT pg_try_advisory_xact_lock(hashtextextended(keys[index], :seed)) THEN
      free[index] := NULL;
      others := others || keys[index];
    END IF;
  END LOOP;
  now_ms := floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000);

  IF 1 = ANY (algorithms) THEN
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7, (now_ms / c.window_ms + 1) * c.window_ms, c.window_ms, now_ms / c.window_ms,
        CASE WHEN t.counters[5] = now_ms / c.window_ms THEN t.counters[6] ELSE 0 END + c.cost,
        0
      ]
      FROM unnest(free, ids, algorithms, quotas, windows, costs)
        WITH ORDINALITY c (key, id, algorithm, quota, window_ms, cost, place)
      WHERE t.subject = c.key AND c.algorithm = 1
        AND t.expires_ms >= (now_ms / c.window_ms + 1) * c.window_ms + 1000 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[5] <= now_ms / c.window_ms
        THEN CASE WHEN t.counters[5] = now_ms / c.window_ms THEN t.counters[6] ELSE 0 END <= c.quota - c.cost
        ELSE false
      END
      RETURNING c.place, ARRAY[now_ms, c.quota - t.counters[6], t.counters[3] - now_ms, 0, t.counters[3] - now_ms]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  IF 2 = ANY (algorithms) THEN
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7, (c.this_window + 2) * c.window_ms, c.window_ms, c.this_window,
        CASE WHEN t.counters[5] = c.this_window THEN t.counters[6] ELSE 0 END + c.cost,
        CASE t.counters[5] WHEN c.this_window THEN t.counters[7] WHEN c.this_window - 1 THEN t.counters[6] ELSE 0 END
      ]
      FROM (
        SELECT u.*, now_ms / u.window_ms AS this_window
        FROM unnest(free, ids, algorithms, quotas, windows, costs)
          WITH ORDINALITY u (key, id, algorithm, quota, window_ms, cost, place)
        OFFSET 0
      ) c
      WHERE t.subject = c.key AND c.algorithm = 2
        AND t.expires_ms >= (c.this_window + 2) * c.window_ms + 1000 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[5] <= c.this_window AND greatest(t.counters[6], t.counters[7]) <= c.quota
        THEN CASE t.counters[5] WHEN c.this_window THEN t.counters[7] WHEN c.this_window - 1 THEN t.counters[6] ELSE 0 END
            * ((c.this_window + 1) * c.window_ms - now_ms)
          <= (c.quota - c.cost - CASE WHEN t.counters[5] = c.this_window THEN t.counters[6] ELSE 0 END) * c.window_ms
        ELSE false
      END
      RETURNING c.place, ARRAY[
        now_ms,
        c.quota - t.counters[6]
          - (t.counters[7] * ((c.this_window + 1) * c.window_ms - now_ms) + c.window_ms - 1) / c.window_ms,
        t.counters[3] - now_ms,
        0,
        -- One unit less must count: of the window before, or of this one if nothing of that counts.
        t.counters[3] - now_ms - CASE
          WHEN t.counters[7] = 0 THEN ((t.counters[6] - 1) * c.window_ms) / t.counters[6]
          ELSE c.window_ms
            + ((t.counters[7] * ((c.this_window + 1) * c.window_ms - now_ms) - 1) / c.window_ms * c.window_ms)
              / t.counters[7]
        END
      ]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  IF 3 = ANY (algorithms) THEN
    -- Before kept_until, a bucket is in debt, and the product of time and rate is less than the stored debt.
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7,
        now_ms + (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
          + c.cost * c.window_ms + c.quota - 1) / c.quota,
        c.window_ms, now_ms,
        CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
          + c.cost * c.window_ms,
        c.quota
      ]
      FROM unnest(free, ids, algorithms, quotas, windows, costs, bursts)
        WITH ORDINALITY c (key, id, algorithm, quota, window_ms, cost, burst, place)
      WHERE t.subject = c.key AND c.algorithm = 3 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[7] = c.quota AND t.counters[5] <= now_ms
        THEN CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
            <= (c.burst - c.cost) * c.window_ms
          AND (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
            + c.cost * c.window_ms + c.quota - 1) / c.quota <= t.expires_ms - now_ms - 1000
        ELSE false
      END
      RETURNING c.place, ARRAY[
        now_ms, c.burst - (t.counters[6] + c.window_ms - 1) / c.window_ms, t.counters[3] - now_ms, 0,
        ((t.counters[6] - 1) % c.window_ms + c.quota) / c.quota
      ]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  FOR index IN 1 .. total LOOP
    IF reply[5 * index] IS NULL AND NOT keys[index] = ANY (others) THEN
      reply[5 * index - 4 : 5 * index] := :limiter(
        0, ARRAY[keys[index]],
        ARRAY[
          1, ids[index], algorithms[index], quotas[index], windows[index], costs[index], bursts[index], blocks[index],
          enforced[index], -1, 0
        ],
        '{}', -1, patience
      );
    END IF;
  END LOOP;
  RETURN reply;
END
$limiter$;
`;
