-- Decides on calls and counts them. Each verb is atomic, for any number of policies and subjects.
-- The arithmetic is that of lib/algorithms, step by step.
--
--   verb        0 consume, 1 overdraw (charges even if the quota is not enough), 2 peek, 3 refund, 4 reset, 5 ping
--               (only checks whether a decision could be stored), 6 renew (starts the leases of held slots again)
--   subjects    the subjects of the call, without duplicates
--   charges     eleven numbers for each charge, grouped by subject: its number in `subjects`, id, algorithm, limit,
--               windowMs, cost, burst, blockForMs, 0 for a shadow policy (else 1); the name of a slot, or the debt of a
--               bucket right after the charge that is given back, in the unit of its debt (-1: unknown); and the
--               position of its windows in `calendars` (0: no calendar)
--   calendars   six numbers for each calendar window: its kind (from 1), the borders (ms) of the three windows around
--               the caller's time, and the end of the next window
--   charged_at  for refund: the time of the charge that is given back, ms; -1 if unknown
--   patience    maximum wait for each lock, ms
--
-- Returns now (ms), and for each charge remaining, resetAfterMs, retryAfterMs (0: allowed, -1: never allowed) and
-- nextUnitAfterMs. Returns only now, and decides nothing, if now is outside the borders of a calendar.
--
-- `counters` of a row holds for each policy of its subject a header of seven numbers
--               id, size (count of all its numbers), kept_until (ms; from then on it counts as new), windowMs (0:
--               blocked until kept_until), and
--                          at                       used                        rest
--      1 fixed-window      window since the epoch   its units                   0
--        of the calendar   end of the window, ms    its units                   kind of calendar window
--      2 sliding-window    window since the epoch   its units                   units of the window before
--      3 token-bucket      a time, ms               its debt at that time,      the limit it refills at
--                                                   tokens x `token`
--      4 sliding-log       newest time, ms          all units                   0
--      5 strict-window     newest time, ms          all units                   0
--      6 concurrency       latest end of a lease    slots                       0
-- and then its records, in pairs: for a log and a strict window time and units, oldest first; for concurrency the end
-- of a lease (ms) and the slot's name. `token` is the debt of one token of a bucket: windowMs. If limit x windowMs is
-- above 2^52, both are divided by their common factor. An older release can count at the same time. It does not know
-- calendar windows or the algorithms 5 and 6, and does not change such counters.
--
-- Locks are advisory locks of this transaction, one for each subject, taken in the order of their ids. They cost no
-- write, they lock subjects without a row, and two calls cannot deadlock. The clock is read after the last lock.
--
-- All numbers are whole. Stored and returned numbers are below 2^53. A product above 2^62 is numeric: exact, but slow.
-- Products of doubles are rounded, as in lib/algorithms.

CREATE OR REPLACE FUNCTION :limiter(
  verb integer, subjects text[], charges bigint[], calendars bigint[], charged_at bigint, patience integer
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $limiter$
DECLARE
  CONSUME CONSTANT integer := 0;
  OVERDRAW CONSTANT integer := 1;
  PEEK CONSTANT integer := 2;
  REFUND CONSTANT integer := 3;
  RESET CONSTANT integer := 4;
  PING CONSTANT integer := 5;
  RENEW CONSTANT integer := 6;
  FIXED CONSTANT bigint := 1;
  SLIDING CONSTANT bigint := 2;
  BUCKET CONSTANT bigint := 3;
  LOG CONSTANT bigint := 4;
  STRICT_WINDOW CONSTANT bigint := 5;
  SLOTS CONSTANT bigint := 6;
  MAX_PRODUCT CONSTANT bigint := 4503599627370496;
  MAX_INTEGER CONSTANT bigint := 9007199254740991;
  -- Maximum units of a sliding window. A short window can hold more, if the product is within MAX_PRODUCT.
  MAX_WIDE_UNITS CONSTANT bigint := 34359738367;
  MAX_FACTOR CONSTANT bigint := 4611686018427387904;
  -- In a strict window.
  MAX_RECORDS CONSTANT integer := 60;
  -- Retry time for a slot, ms.
  LEAST_WAIT CONSTANT bigint := 1000;
  -- Below this, `at` is the number of a fixed window of at least 17 s; else it is an end, ms.
  LEAST_END CONSTANT bigint := 100000000;
  FIELDS CONSTANT integer := 11;
  HEADER CONSTANT integer := 7;
  -- A row stays this long after its last counter, ms: if the clock steps back by less, no counter is lost.
  GRACE CONSTANT bigint := 1000;
  -- A new expiry is this much later than needed, ms, so that most calls do not change the index.
  SLACK CONSTANT bigint := 5000;
  total CONSTANT integer := cardinality(charges) / FIELDS;

  setting text;
  locked boolean;
  lock_id bigint;
  now_ms bigint;
  reply bigint[];
  allowed boolean := true;
  -- With several subjects, the first pass only checks and stores nothing.
  trial boolean := verb = CONSUME AND cardinality(subjects) > 1;

  -- The current subject: its number, its row, and how long changes are kept (0: no change).
  subject_number bigint;
  value bigint[];
  expires bigint;
  has_row boolean;
  stored_size integer;
  kept bigint;
  needed bigint;

  -- The current charge.
  field integer;
  id bigint;
  algorithm bigint;
  quota bigint;
  window_ms bigint;
  cost bigint;
  burst bigint;
  block_ms bigint;
  owed bigint;
  -- The current fixed window and the next one: the kind of calendar window (0: none), and their ends.
  kind bigint;
  ends bigint;
  next_ends bigint;
  -- Length of a sub-window of a strict window, ms.
  part_ms bigint;
  -- The end of the lease of the call's own slot (0: not held), and the first end of all leases.
  held_until bigint;
  first_end bigint;

  -- Its counter: its position, its size (0: not found), and its state.
  place integer;
  size integer;
  new_size integer;
  kept_until bigint;
  stored_ms bigint;
  at bigint;
  used bigint;
  rest bigint;
  records bigint[];
  blocked_until bigint;
  -- The debt of a token, and the debt that a millisecond repays; then both for the stored rate.
  token bigint;
  per_ms bigint;
  stored_token bigint;
  stored_per_ms bigint;

  this_window bigint;
  until_next bigint;
  covered bigint;
  free bigint;
  left_over bigint;
  taken bigint;
  came bigint;
  wide boolean;
  spot integer;
  length integer;
  admitted boolean;
  possible boolean;
  remaining bigint;
  reset_ms bigint;
  retry_ms bigint;
  next_ms bigint;
BEGIN
  IF verb <> PEEK AND current_setting('transaction_read_only')::boolean THEN
    RAISE EXCEPTION 'the limiter cannot count in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction';
  END IF;
  setting := set_config('lock_timeout', patience::text, true);
  IF verb = PING THEN
    -- Changes nothing. Fails if a decision could not be stored.
    INSERT INTO :table SELECT * FROM :table WHERE false;
    UPDATE :table t SET counters = t.counters WHERE false;
    DELETE FROM :table WHERE false;
  END IF;
  IF verb <> PEEK THEN
    IF cardinality(subjects) = 1 THEN
      locked := pg_advisory_xact_lock(hashtextextended(subjects[1], :seed)) IS NULL;
    ELSE
      FOR lock_id IN SELECT DISTINCT hashtextextended(s.subject, :seed) FROM unnest(subjects) s (subject) ORDER BY 1 LOOP
        locked := pg_advisory_xact_lock(lock_id) IS NULL;
      END LOOP;
    END IF;
  END IF;
  now_ms := floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000);

  FOR spot IN 1 .. cardinality(calendars) BY 6 LOOP
    IF now_ms < calendars[spot + 1] OR now_ms >= calendars[spot + 4] THEN
      RETURN ARRAY[now_ms];
    END IF;
  END LOOP;

  -- At most two passes: a refused call stays refused, and there is only one trial.
  <<pass>>
  LOOP
    reply := ARRAY[now_ms];
    subject_number := 0;
    FOR index IN 0 .. total LOOP
      field := index * FIELDS;

      -- 1. Stores the previous subject, and reads the next one.
      IF index = total OR charges[field + 1] <> subject_number THEN
        IF subject_number > 0 AND kept > 0 AND NOT trial THEN
          -- A limiter need not wait for the disk: a crash only loses the last moment.
          setting := set_config('synchronous_commit', 'off', true);
          IF cardinality(value) > stored_size THEN
            -- If a row grows, its expired counters are dropped.
            place := 1;
            WHILE place <= cardinality(value) LOOP
              size := value[place + 1];
              IF value[place + 2] + GRACE <= now_ms THEN
                value := value[: place - 1] || value[place + size :];
              ELSE
                place := place + size;
              END IF;
            END LOOP;
          END IF;
          IF cardinality(value) = 0 THEN
            DELETE FROM :table t WHERE t.subject = subjects[subject_number];
          ELSE
            needed := kept + GRACE;
            IF needed > expires THEN
              expires := needed + SLACK;
            END IF;
            IF has_row THEN
              UPDATE :table t SET counters = value, expires_ms = expires WHERE t.subject = subjects[subject_number];
              has_row := FOUND;
            END IF;
            IF NOT has_row THEN
              INSERT INTO :table AS t (subject, expires_ms, counters)
              VALUES (subjects[subject_number], expires, value)
              ON CONFLICT (subject) DO UPDATE SET counters = EXCLUDED.counters, expires_ms = EXCLUDED.expires_ms;
            END IF;
          END IF;
        END IF;
        EXIT WHEN index = total;

        subject_number := charges[field + 1];
        SELECT t.counters, t.expires_ms INTO value, expires FROM :table t WHERE t.subject = subjects[subject_number];
        has_row := FOUND;
        IF NOT has_row THEN
          value := '{}';
          expires := 0;
        END IF;
        kept := 0;
        stored_size := cardinality(value);
      END IF;

      -- 2. The charge and its counter.
      id := charges[field + 2];
      algorithm := charges[field + 3];
      quota := charges[field + 4];
      window_ms := charges[field + 5];
      cost := charges[field + 6];
      burst := charges[field + 7];
      block_ms := charges[field + 8];
      IF algorithm = FIXED THEN
        spot := charges[field + 11];
        IF spot = 0 THEN
          kind := 0;
          ends := (now_ms / window_ms + 1) * window_ms;
          next_ends := ends + window_ms;
        ELSE
          kind := calendars[spot];
          length := CASE WHEN now_ms >= calendars[spot + 3] THEN 2 WHEN now_ms >= calendars[spot + 2] THEN 1 ELSE 0 END;
          ends := calendars[spot + length + 2];
          next_ends := calendars[spot + length + 3];
          window_ms := ends - calendars[spot + length + 1];
        END IF;
      END IF;
      place := 1;
      size := 0;
      WHILE place <= cardinality(value) LOOP
        IF value[place] = id THEN
          size := value[place + 1];
          kept_until := value[place + 2];
          stored_ms := value[place + 3];
          at := value[place + 4];
          used := value[place + 5];
          rest := value[place + 6];
          EXIT;
        END IF;
        place := place + value[place + 1];
      END LOOP;

      -- kept_until is 0: the counter must be stored in any case. It is now: only if something is counted.
      blocked_until := 0;
      IF size > 0 AND stored_ms = 0 AND kept_until > now_ms AND block_ms > 0 AND verb <> RESET THEN
        -- A block never lasts longer than blockForMs, even if the clock steps back or the policy changes.
        blocked_until := least(kept_until, now_ms + block_ms);
        IF blocked_until < kept_until THEN
          kept_until := 0;
        END IF;
      ELSIF size = 0 OR stored_ms = 0 OR verb = RESET THEN
        -- A new or reset counter, or an ended block: empty, from before the epoch.
        kept_until := CASE WHEN size > 0 AND (kept_until > now_ms OR verb = RESET) THEN 0 ELSE now_ms END;
        stored_ms := window_ms;
        at := -1;
        used := 0;
        rest := CASE WHEN algorithm = FIXED THEN kind ELSE 0 END;
        records := '{}';
      ELSIF algorithm >= LOG THEN
        records := value[place + HEADER : place + size - 1];
      END IF;

      -- 3. Moves the counter to now.
      IF blocked_until > 0 THEN
        -- A block counts nothing.
      ELSIF algorithm = SLIDING THEN
        this_window := now_ms / stored_ms;
        IF at < this_window THEN
          rest := CASE WHEN at = this_window - 1 THEN used ELSE 0 END;
          used := 0;
          at := this_window;
        ELSIF at > this_window + 1 THEN
          at := this_window + 1;
          kept_until := 0;
        END IF;
        IF stored_ms <> window_ms THEN
          covered := least(stored_ms, (at + 1) * stored_ms - now_ms);
          used := used + CASE
            WHEN rest > MAX_FACTOR / stored_ms THEN div(rest::numeric * covered + stored_ms - 1, stored_ms)
            ELSE (rest * covered + stored_ms - 1) / stored_ms
          END;
          used := least(used, greatest(MAX_PRODUCT / window_ms, MAX_WIDE_UNITS));
          at := now_ms / window_ms;
          rest := 0;
          kept_until := 0;
        END IF;
      ELSIF algorithm = FIXED THEN
        IF rest = 0 OR at < LEAST_END THEN
          -- A window number; for a calendar window, from an older release.
          at := (at + 1) * stored_ms;
        END IF;
        IF rest <> kind OR kind = 0 AND stored_ms <> window_ms THEN
          kept_until := 0;
          IF at > now_ms THEN
            at := ends;
          END IF;
        END IF;
        IF at <= now_ms THEN
          at := ends;
          used := 0;
        ELSIF at >= next_ends THEN
          -- The clock stepped back: a future window counts until it ends.
          IF at > next_ends THEN
            kept_until := 0;
          END IF;
          at := next_ends;
          window_ms := next_ends - ends;
        ELSIF at <> ends THEN
          -- An end between two borders is from another time zone.
          at := ends;
          kept_until := 0;
        END IF;
      ELSIF algorithm = BUCKET THEN
        token := window_ms;
        per_ms := quota;
        IF quota > MAX_PRODUCT / window_ms THEN
          token := window_ms / gcd(quota, window_ms);
          per_ms := quota / gcd(quota, window_ms);
        END IF;
        IF used > 0 THEN
          stored_token := token;
          stored_per_ms := per_ms;
          IF rest <> quota OR stored_ms <> window_ms THEN
            kept_until := 0;
            stored_token := stored_ms;
            stored_per_ms := rest;
            IF rest > MAX_PRODUCT / stored_ms THEN
              stored_token := stored_ms / gcd(rest, stored_ms);
              stored_per_ms := rest / gcd(rest, stored_ms);
            END IF;
          ELSIF at > now_ms THEN
            kept_until := 0;
          END IF;
          IF now_ms > at THEN
            -- Compares before it multiplies: the product could overflow.
            used := CASE WHEN now_ms - at > used / stored_per_ms THEN 0 ELSE used - (now_ms - at) * stored_per_ms END;
          END IF;
          IF stored_token <> token THEN
            used := least(
              (used / stored_token)::float8 * token + ceil(((used % stored_token)::float8 * token) / stored_token),
              MAX_PRODUCT
            );
          END IF;
        END IF;
        at := now_ms;
        rest := quota;
      ELSIF algorithm = SLOTS THEN
        owed := charges[field + 10];
        held_until := 0;
        first_end := NULL;
        at := 0;
        used := 0;
        length := 0;
        FOR spot IN 1 .. cardinality(records) BY 2 LOOP
          IF records[spot] > now_ms THEN
            IF records[spot] > now_ms + window_ms THEN
              -- No lease is longer than one that starts now: the clock may have stepped back, or the policy changed.
              records[spot] := now_ms + window_ms;
              kept_until := 0;
            END IF;
            used := used + 1;
            first_end := least(first_end, records[spot]);
            IF records[spot + 1] = owed THEN
              held_until := records[spot];
            ELSE
              at := greatest(at, records[spot]);
              records[length + 1] := records[spot];
              records[length + 2] := records[spot + 1];
              length := length + 2;
            END IF;
          END IF;
        END LOOP;
        -- The call's own slot is in held_until, and is added last.
        records := records[: length];
      ELSE
        IF at > now_ms THEN
          -- The clock stepped back: future records become one record of now.
          length := cardinality(records);
          left_over := 0;
          WHILE length > 0 AND records[length - 1] >= now_ms LOOP
            left_over := left_over + records[length];
            length := length - 2;
          END LOOP;
          records := records[: length] || ARRAY[now_ms, left_over];
          at := now_ms;
          kept_until := 0;
        END IF;
        spot := 1;
        WHILE spot < cardinality(records) AND records[spot] + window_ms <= now_ms LOOP
          used := used - records[spot + 1];
          spot := spot + 2;
        END LOOP;
        IF spot > 1 THEN
          records := records[spot :];
        END IF;
      END IF;

      -- 4. Checks whether the policy admits the call.
      -- Time until the window ends. It may be a future window, if the clock stepped back.
      IF algorithm = FIXED THEN
        until_next := at - now_ms;
      ELSIF algorithm = SLIDING THEN
        until_next := (at + 1) * window_ms - now_ms;
        covered := least(until_next, window_ms);
        wide := greatest(rest, quota) > MAX_FACTOR / window_ms;
      ELSIF algorithm = STRICT_WINDOW THEN
        part_ms := CASE WHEN quota > MAX_RECORDS THEN (window_ms + MAX_RECORDS - 2) / (MAX_RECORDS - 1) ELSE 1 END;
      END IF;
      free := quota - used - cost;
      admitted := true;
      IF verb = CONSUME AND cost > 0 THEN
        admitted := CASE
          WHEN blocked_until > 0 OR quota = 0 THEN false
          WHEN algorithm = BUCKET THEN cost <= burst AND used <= (burst - cost) * token
          WHEN free < 0 THEN algorithm = SLOTS AND held_until > 0
          WHEN algorithm = SLIDING AND wide THEN rest::numeric * covered <= free::numeric * window_ms
          WHEN algorithm = SLIDING THEN rest * covered <= free * window_ms
          ELSE true
        END;
        IF allowed AND NOT admitted AND charges[field + 9] = 1 THEN
          allowed := false;
          IF index > 0 THEN
            -- Another pass, now that the call is refused.
            trial := false;
            CONTINUE pass;
          END IF;
        END IF;
      END IF;

      -- 5. Charges, refunds or blocks.
      possible := admitted;
      IF NOT admitted THEN
        possible := quota > 0 AND cost <= burst;
        IF block_ms > 0 AND possible AND blocked_until = 0 THEN
          blocked_until := now_ms + block_ms;
          kept_until := 0;
        END IF;
      ELSIF cost = 0 OR blocked_until > 0 THEN
        -- Nothing to count.
      ELSIF verb = CONSUME OR verb = OVERDRAW THEN
        IF allowed THEN
          kept_until := 0;
          IF algorithm = SLIDING THEN
            used := least(used + cost, greatest(MAX_PRODUCT / window_ms, MAX_WIDE_UNITS));
          ELSIF algorithm = FIXED THEN
            used := least(used + cost, MAX_INTEGER);
          ELSIF algorithm = BUCKET THEN
            used := least(used + least(cost, MAX_PRODUCT / token + 1) * token, MAX_PRODUCT);
          ELSIF algorithm = SLOTS THEN
            IF held_until = 0 THEN
              used := used + 1;
            END IF;
            held_until := now_ms + window_ms;
          ELSE
            taken := least(cost, MAX_INTEGER - used);
            used := used + taken;
            length := cardinality(records);
            IF algorithm = STRICT_WINDOW AND length > 0
              AND (at / part_ms = now_ms / part_ms OR taken = 0 OR length >= 2 * MAX_RECORDS) THEN
              -- Joins the newest record if the sub-window is the same, there are no units, or the log is full.
              records[length - 1] := now_ms;
              records[length] := records[length] + taken;
            ELSE
              records := records || ARRAY[now_ms, taken];
            END IF;
            at := now_ms;
          END IF;
        END IF;
      ELSIF verb = REFUND AND size > 0 AND quota > 0 THEN
        kept_until := 0;
        IF algorithm = BUCKET THEN
          left_over := least(cost, MAX_PRODUCT / token + 1) * token;
          owed := charges[field + 10];
          IF owed >= 0 THEN
            -- The oldest debt is repaid first. Gives back only the unpaid rest of this charge.
            taken := CASE WHEN charged_at < 0 THEN 0 ELSE greatest(0, now_ms - charged_at) END;
            left_over := least(left_over, CASE WHEN taken > owed / per_ms THEN 0 ELSE owed - taken * per_ms END);
          END IF;
          used := greatest(0, used - left_over);
        ELSIF algorithm = FIXED THEN
          IF charged_at < 0 OR charged_at < at AND charged_at >= at - window_ms THEN
            used := greatest(0, used - cost);
          END IF;
        ELSIF algorithm = SLOTS THEN
          IF held_until > 0 THEN
            used := used - 1;
            held_until := 0;
          END IF;
        ELSIF algorithm = SLIDING THEN
          IF charged_at < 0 THEN
            rest := greatest(0, rest - greatest(0, cost - used));
            used := greatest(0, used - cost);
          ELSIF charged_at / window_ms = at THEN
            used := greatest(0, used - cost);
          ELSIF charged_at / window_ms = at - 1 THEN
            rest := greatest(0, rest - cost);
          END IF;
        ELSE
          came := charged_at;
          IF algorithm = STRICT_WINDOW AND charged_at >= 0 THEN
            -- The record of the charge, if it still counts.
            came := -1;
            FOR spot IN 1 .. cardinality(records) BY 2 LOOP
              IF records[spot] >= charged_at THEN
                IF records[spot] / part_ms = charged_at / part_ms AND charged_at + window_ms > now_ms THEN
                  came := records[spot];
                END IF;
                EXIT;
              END IF;
            END LOOP;
          END IF;
          -- Takes from the newest records first.
          left_over := cost;
          FOR spot IN REVERSE cardinality(records) - 1 .. 1 BY 2 LOOP
            IF charged_at < 0 OR records[spot] = came THEN
              taken := least(left_over, records[spot + 1]);
              left_over := left_over - taken;
              records[spot + 1] := records[spot + 1] - taken;
            END IF;
          END LOOP;
          used := used - (cost - left_over);
          records := ARRAY(
            SELECT records[r.spot] FROM generate_subscripts(records, 1) r (spot)
            WHERE records[((r.spot + 1) / 2) * 2] > 0 ORDER BY r.spot
          );
          IF cardinality(records) > 0 THEN
            at := records[cardinality(records) - 1];
          END IF;
        END IF;
      END IF;

      IF algorithm = SLOTS AND blocked_until = 0 THEN
        IF verb = RENEW AND held_until > 0 THEN
          held_until := now_ms + window_ms;
          kept_until := 0;
        END IF;
        IF held_until > 0 THEN
          at := greatest(at, held_until);
          records := records || ARRAY[held_until, owed];
        END IF;
      END IF;

      -- 6. The status: remaining units and waiting times.
      remaining := 0;
      reset_ms := 0;
      IF blocked_until > 0 THEN
        reset_ms := blocked_until - now_ms;
      ELSIF quota = 0 THEN
        -- A limit of 0 counts nothing.
      ELSIF algorithm = SLIDING THEN
        remaining := quota - used - CASE
          WHEN wide THEN div(rest::numeric * covered + window_ms - 1, window_ms)
          ELSE (rest * covered + window_ms - 1) / window_ms
        END;
        IF used > 0 THEN
          reset_ms := until_next + window_ms;
        ELSIF rest > 0 THEN
          reset_ms := until_next;
        END IF;
      ELSIF algorithm = FIXED THEN
        remaining := quota - used;
        IF used > 0 THEN
          reset_ms := until_next;
        END IF;
      ELSIF algorithm = BUCKET THEN
        remaining := burst - (used + token - 1) / token;
        reset_ms := (used + per_ms - 1) / per_ms;
      ELSIF algorithm = SLOTS THEN
        remaining := quota - used;
        IF used > 0 THEN
          reset_ms := at - now_ms;
        END IF;
      ELSE
        remaining := quota - used;
        IF cardinality(records) > 0 THEN
          reset_ms := at + window_ms - now_ms;
        END IF;
      END IF;

      retry_ms := 0;
      IF admitted THEN
        -- No wait.
      ELSIF NOT possible THEN
        retry_ms := -1;
      ELSIF blocked_until > 0 THEN
        retry_ms := reset_ms;
      ELSIF algorithm = SLIDING THEN
        retry_ms := CASE
          WHEN free >= 0 AND wide THEN until_next - div(free::numeric * window_ms, rest)
          WHEN free >= 0 THEN until_next - free * window_ms / rest
          WHEN wide THEN until_next + window_ms - div((quota - cost)::numeric * window_ms, used)
          ELSE until_next + window_ms - (quota - cost) * window_ms / used
        END;
      ELSIF algorithm = FIXED THEN
        retry_ms := until_next;
      ELSIF algorithm = BUCKET THEN
        retry_ms := (used - (burst - cost) * token + per_ms - 1) / per_ms;
      ELSIF algorithm = SLOTS THEN
        retry_ms := greatest(LEAST_WAIT, first_end - now_ms);
      ELSE
        left_over := used + cost - quota;
        retry_ms := window_ms;
        FOR spot IN 1 .. cardinality(records) BY 2 LOOP
          left_over := left_over - records[spot + 1];
          IF left_over <= 0 THEN
            retry_ms := records[spot] + window_ms - now_ms;
            EXIT;
          END IF;
        END LOOP;
      END IF;
      remaining := greatest(remaining, 0);

      -- Time until one more unit remains.
      next_ms := reset_ms;
      IF reset_ms = 0 OR blocked_until > 0 OR algorithm = FIXED THEN
        -- All units return together, or none is used.
      ELSIF algorithm = SLIDING THEN
        free := quota - remaining - 1;
        next_ms := CASE
          WHEN free >= used AND wide THEN until_next - div((free - used)::numeric * window_ms, rest)
          WHEN free >= used THEN until_next - (free - used) * window_ms / rest
          WHEN wide THEN until_next + window_ms - div(free::numeric * window_ms, used)
          ELSE until_next + window_ms - free * window_ms / used
        END;
      ELSIF algorithm = BUCKET THEN
        next_ms := (used - (burst - remaining - 1) * token + per_ms - 1) / per_ms;
      ELSIF algorithm = SLOTS THEN
        -- The first end of all current leases.
        first_end := NULL;
        FOR spot IN 1 .. cardinality(records) BY 2 LOOP
          first_end := least(first_end, records[spot]);
        END LOOP;
        next_ms := greatest(LEAST_WAIT, first_end - now_ms);
      ELSIF used = 0 THEN
        -- Only records of 0 units are left, from calls when MAX_INTEGER units were used.
        next_ms := 0;
      ELSE
        left_over := used - (quota - remaining - 1);
        FOR spot IN 1 .. cardinality(records) BY 2 LOOP
          left_over := left_over - records[spot + 1];
          IF left_over <= 0 THEN
            next_ms := records[spot] + window_ms - now_ms;
            EXIT;
          END IF;
        END LOOP;
      END IF;
      reply := reply || ARRAY[remaining, reset_ms, retry_ms, next_ms];

      -- 7. The new counter. A limit of 0 changes nothing, except for reset.
      IF verb <> PEEK AND (quota > 0 OR verb = RESET) AND (kept_until = 0 OR reset_ms > 0 AND now_ms + reset_ms > kept_until) THEN
        -- 1: a change that removes the counter.
        kept_until := CASE WHEN reset_ms > 0 THEN now_ms + reset_ms ELSE 1 END;
        kept := greatest(kept, kept_until);
        IF reset_ms = 0 THEN
          value := value[: place - 1] || value[place + size :];
        ELSE
          IF blocked_until > 0 THEN
            window_ms := 0;
            at := 0;
            used := 0;
            rest := 0;
          ELSIF algorithm = FIXED THEN
            rest := kind;
            IF kind = 0 THEN
              at := at / window_ms - 1;
            END IF;
          END IF;
          new_size := HEADER;
          IF algorithm >= LOG AND blocked_until = 0 THEN
            new_size := HEADER + cardinality(records);
          END IF;
          IF size = HEADER AND new_size = HEADER THEN
            value[place + 2] := kept_until;
            value[place + 3] := window_ms;
            value[place + 4] := at;
            value[place + 5] := used;
            value[place + 6] := rest;
          ELSE
            value := value[: place - 1] || ARRAY[id, new_size, kept_until, window_ms, at, used, rest]
              || CASE WHEN new_size > HEADER THEN records END || value[place + size :];
          END IF;
        END IF;
      END IF;
    END LOOP;
    EXIT WHEN NOT trial;
    trial := false;
  END LOOP;
  RETURN reply;
END
$limiter$;
