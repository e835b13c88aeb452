-- object: figures
-- One row: the county's figures of the month from :from to :to (:month, such as 2019-07), as they stood
-- at the end of :to. They follow from the records and their stamps alone, and what came later changes
-- nothing in them but who is a target and until when a task has time (next milestone, extension); the
-- month before is asked in the same way. What turned out never to have been a task (its record was
-- withdrawn) is none in any month. A column is a figure:
-- {{figures.NAME}}, {{previous.NAME}} and {{change.NAME}} in the template, NULL = unknown. Findings that
-- came from leads are not counted anywhere; covert ones only here, never by unit or township.
WITH village AS MATERIALIZED (
  SELECT id FROM entity WHERE kind = 'division' AND gone = '' AND id NOT LIKE '%000'),
-- the last stamp that counts
month_end(hlc) AS MATERIALIZED (SELECT ((unixepoch(:to, '+1 day') - 28800) * 1000 << 16) - 1),
home AS MATERIALIZED (
  SELECT e.id, e.doc ->> '$.water_target' AS target
    FROM village v CROSS JOIN entity e ON e.place = v.id AND +e.kind = 'household' AND e.gone = ''),
county AS (SELECT max(substr(id, 1, 6)) || '000000' AS code FROM village),
-- Findings, each with what had happened to it by the end of the month.
finding AS MATERIALIZED (
  SELECT l.subject, l.doc ->> '$.day' AS day, l.doc ->> '$.source' AS source, l.doc ->> '$.place' AS place,
         l.doc ->> '$.severity' AS severity, l.doc -> '$.events' AS events,
         (SELECT e.value ->> '$.what' FROM json_each(l.doc, '$.events') e
           WHERE e.value ->> '$.day' <= :to
             AND e.value ->> '$.what' IN ('rectified', 'passed', 'failed', 'relapsed')
           ORDER BY e.value ->> '$.n' DESC LIMIT 1) AS state
    FROM county c CROSS JOIN ledger l ON l.place = c.code AND l.view = 'finding.loop'
   WHERE l.doc ->> '$.told' AND l.doc ->> '$.day' <= :to),
event AS MATERIALIZED (
  SELECT e.value ->> '$.what' AS what FROM finding f CROSS JOIN json_each(f.events) e
   WHERE e.value ->> '$.day' BETWEEN :from AND :to),
-- Tasks that ran at the end of the month. Without a due day none is late, and none on time.
running AS MATERIALIZED (
  SELECT nullif(due, '') AS due, priority FROM task
   WHERE gone = '' AND class < 5 AND opened <= :to
     AND (closed > :to OR (closed = '' AND state <> 'void'))),
ended AS MATERIALIZED (
  SELECT closed <= nullif(due, '') AS on_time FROM task
   WHERE gone = '' AND class < 5 AND state = 'closed' AND closed BETWEEN :from AND :to),
visit AS MATERIALIZED (
  SELECT m.value ->> '$.closed' <= :to AS done
    FROM home h CROSS JOIN ledger l ON l.subject = h.id AND l.view = 'visit' CROSS JOIN json_each(l.doc) m
   WHERE m.value ->> '$.month' = :month),
building AS MATERIALIZED (
  SELECT h.id, l.doc FROM home h CROSS JOIN ledger l ON l.subject = h.id AND l.view = 'house'),
-- A house that was found to be C, then D, stands in the episode of D: by then it was found at the first
-- of these that no episode before ended.
house AS MATERIALIZED (
  SELECT x.value ->> '$.closed' AS closed
    FROM building b CROSS JOIN json_each(b.doc, '$.episodes') x
   WHERE substr(b.id, 14) <> '00-0000' AND x.value ->> '$.use' = 'resident' AND x.value ->> '$.sole'
     AND (x.value ->> '$.found' <= :to OR EXISTS (
       SELECT 1 FROM stored_record r
        WHERE r.subject = b.id AND r.form = 'inspect.housing' AND r.hlc <= (SELECT hlc FROM month_end)
          AND r.body ->> '$.data.bld' = x.value ->> '$.bld' AND r.body ->> '$.data.grade' IN ('C', 'D')
          AND NOT EXISTS (SELECT 1 FROM json_each(b.doc, '$.episodes') y
                           WHERE y.value ->> '$.bld' = x.value ->> '$.bld' AND y.value ->> '$.found' < x.value ->> '$.found'
                             AND y.value ->> '$.closed' >= hlc_day(r.hlc))))),
-- What was to be demolished, until it was found to be safe or lived in: demolished is what has a record
-- of that when it ended.
wreck AS MATERIALIZED (
  SELECT x.value ->> '$.closed' AS closed
    FROM building b CROSS JOIN json_each(b.doc, '$.demolish') x
   WHERE x.value ->> '$.found' <= :to AND (coalesce(x.value ->> '$.closed', '9999') > :to OR EXISTS (
       SELECT 1 FROM stored_record r
        WHERE r.subject = b.id AND r.form = 'house.work' AND r.body ->> '$.data.bld' = x.value ->> '$.bld'
          AND r.body ->> '$.data.stage' = 'demolished'
          AND hlc_day(r.hlc) BETWEEN x.value ->> '$.found' AND x.value ->> '$.closed'))),
-- Of the members then of target households, those whose water was safe by the newest evaluation then;
-- without a period of validity nobody's.
thirst AS MATERIALIZED (
  SELECT (SELECT count(*) FROM ledger m CROSS JOIN json_each(unsealed(m.doc)) q
           WHERE m.subject = h.id AND m.view = 'members' AND q.value ->> '$.since' <= t.hlc
             AND coalesce(q.value ->> '$.left', t.hlc + 1) > t.hlc) AS persons,
         coalesce((SELECT x.value ->> '$[2]' = 1
                          AND x.value ->> '$[1]' >= date(:to, '-' || param('check.water_days') || ' days')
                     FROM ledger w CROSS JOIN json_each(w.doc) x
                    WHERE w.subject = h.id AND w.view = 'water.said' AND x.value ->> '$[0]' <= t.hlc
                    ORDER BY x.key DESC LIMIT 1), 0) AS safe
    FROM month_end t CROSS JOIN home h WHERE h.target),
moved AS MATERIALIZED (
  SELECT l.den AS persons, iif(m.doc ->> '$.closed' <= :to, l.num, 0) AS done
    FROM village v CROSS JOIN ledger l ON l.place = v.id AND l.view = 'reloc'
    LEFT JOIN ledger m ON m.subject = l.subject AND m.view = 'relocation'),
counted AS MATERIALIZED (
  SELECT
    (SELECT count(DISTINCT substr(place, 1, 12)) FROM finding
      WHERE source = 'covert' AND day BETWEEN :from AND :to) AS covert_villages,
    param('target.villages') + 0 AS villages,
    (SELECT count(*) FROM finding WHERE day BETWEEN :from AND :to) AS found,
    (SELECT count(*) FROM finding WHERE day BETWEEN :from AND :to AND state IS 'passed') AS closed,
    (SELECT count(*) FROM finding) AS found_all,
    (SELECT count(*) FROM finding WHERE state IS 'passed') AS closed_all,
    (SELECT count(*) FROM finding WHERE state IS NOT 'passed' AND severity = 'high') AS open_high,
    (SELECT count(*) FROM finding WHERE source = 'tour') AS tour,
    (SELECT count(*) FROM finding WHERE source = 'tour' AND state IS 'passed') AS tour_closed,
    (SELECT count(*) FROM event WHERE what = 'relapsed') AS reopened,
    (SELECT count(*) FROM event WHERE what IN ('kept', 'relapsed')) AS lookbacks,
    (SELECT count(*) FROM running) AS tasks_open,
    (SELECT count(*) FROM running WHERE due < :to) AS tasks_overdue,
    (SELECT count(*) FROM running
      WHERE julianday(:to) - julianday(due) >= iif(priority = 1, 4, 7)) AS tasks_overdue_county,
    (SELECT count(*) FROM ended) AS tasks_ended, (SELECT count(on_time) FROM ended) AS tasks_ended_due,
    (SELECT count(*) FROM ended WHERE on_time) AS tasks_on_time,
    iif(a.asks, (SELECT count(*) FROM visit), NULL) AS visits_due,
    iif(a.asks, (SELECT count(*) FROM visit WHERE done), NULL) AS visits_done,
    (SELECT count(*) FROM house) AS houses,
    (SELECT count(*) FROM house WHERE closed IS NULL OR closed > :to) AS houses_left,
    (SELECT count(*) FROM wreck) AS wrecks,
    (SELECT count(*) FROM wreck WHERE closed IS NULL OR closed > :to) AS wrecks_left,
    (SELECT CAST(total(persons) AS INTEGER) FROM thirst) AS water,
    (SELECT CAST(total(persons) AS INTEGER) FROM thirst WHERE NOT safe) AS water_left,
    (SELECT CAST(total(persons) AS INTEGER) FROM moved) AS relocated,
    (SELECT CAST(total(persons - done) AS INTEGER) FROM moved) AS relocated_left
    -- visits are asked for only if the county said how many
    FROM (SELECT coalesce(param('visit.month_count'), param('visit.month_count_planned_exit')) IS NOT NULL AS asks) a)
SELECT *,
  round(100.0 * closed / nullif(found, 0), 1) AS closed_pct,
  round(100.0 * closed_all / nullif(found_all, 0), 1) AS closed_all_pct,
  round(100.0 * tour_closed / nullif(tour, 0), 1) AS tour_closed_pct,
  round(100.0 * reopened / nullif(lookbacks, 0), 1) AS lookback_fail_pct,
  round(100.0 * tasks_on_time / nullif(tasks_ended_due, 0), 1) AS on_time_pct,
  round(100.0 * visits_done / nullif(visits_due, 0), 1) AS visit_pct
  FROM counted;
