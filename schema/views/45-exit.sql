-- view: exit
-- level: household
-- forms: hh.facts person.facts exit.step
-- reads: population members income check.income check.food check.clothing check.education check.medical check.housing check.water at.income at.food at.clothing at.education at.medical at.housing at.water
-- names: poverty check.exit_ready check.gaps check.known check.last_visit check.watch fact.poverty_status fact.exit_year
-- keeps: status exit
-- A household leaves poverty by a mark of the township after the steps review, verify, agree, notice
-- and announce of that year; a step has effect once all before it are there, in whatever order they
-- came. An announcement comes after the notice ended; a mark wants all seven checks to be ok at its
-- stamp, and a poor household. `exit`: "steps" [{"year", "step", "day", "cause", "effective"}] and
-- "holes" [{"cycle", "year", "step", "why", "opened", "closed", "cause"}], the steps without effect, why:
-- order (until those before them come), early (announced before the notice ended), unready, status.
-- `status`: what a household counts as: {"status", "need", "since", "watch", "exit_year", "marked",
-- "turns"}; `need` = counted visits a month (poor, watch, care; 0 = none), `since` = the day from
-- which it has needed some, `watch`: exited, or by the newest signed income check near the line
-- (null: unknown); "turns" [{"day", "status", "need"}]: how that became so, if there ever was a need.
WITH home AS MATERIALIZED (
  SELECT c.subject, l.place, l.num AS persons, e.doc ->> '$.exit_year' AS exit_year,
         e.doc ->> '$.poverty_status' IS NOT 'none' AS poor
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'population'
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject),
-- most were never poor and have nothing that might ask for visits: they need no history
lively AS MATERIALIZED (
  SELECT h.subject
    FROM home h
   WHERE h.poor
      OR EXISTS (SELECT 1 FROM record r WHERE r.subject = h.subject AND r.form = 'hh.facts' LIMIT 1 OFFSET 1)
      OR EXISTS (SELECT 1 FROM record r WHERE r.subject = h.subject AND r.form = 'exit.step')
      OR EXISTS (SELECT 1 FROM ledger l WHERE l.subject = h.subject AND l.view = 'income')
      OR EXISTS (SELECT 1 FROM ledger l WHERE l.subject = h.subject AND l.view = 'members'
                    AND mentions(l.doc, '"cared":1'))),
-- ------------------------------------------------------------ the steps
step AS MATERIALIZED (
  SELECT h.subject, r.hlc, r.id, r.body ->> '$.data.year' AS year, r.body ->> '$.data.step' AS step,
         r.body ->> '$.data.date' AS date, r.body ->> '$.data.notice_to' AS until,
         CASE r.body ->> '$.data.step' WHEN 'review' THEN 1 WHEN 'verify' THEN 2 WHEN 'agree' THEN 3
              WHEN 'notice' THEN 4 WHEN 'announce' THEN 5 WHEN 'mark' THEN 6 END AS n
    FROM lively h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'exit.step'),
fit AS MATERIALIZED (
  SELECT s.*, CASE step
      WHEN 'announce' THEN EXISTS (
        SELECT 1 FROM step x WHERE x.subject = s.subject AND x.year = s.year AND x.step = 'notice' AND x.until < s.date)
      WHEN 'mark' THEN 7 = (
        SELECT count(*) FROM ledger l
         WHERE l.subject = s.subject AND l.view IN ('at.income', 'at.food', 'at.clothing', 'at.education',
                                                    'at.medical', 'at.housing', 'at.water')
           AND l.doc ->> ('$."' || id_text(s.id) || '"') = 'ok')
      ELSE 1 END AS fits
    FROM step s),
first AS MATERIALIZED (
  SELECT subject, year, n, min(hlc) AS hlc FROM fit WHERE fits GROUP BY subject, year, n),
-- at: the stamp from which a step has effect
done AS MATERIALIZED (
  SELECT f.*, CASE WHEN f.fits AND f.n - 1 = (
      SELECT count(*) FROM first x WHERE x.subject = f.subject AND x.year = f.year AND x.n < f.n)
      THEN max(f.hlc, coalesce((SELECT max(x.hlc) FROM first x
                                 WHERE x.subject = f.subject AND x.year = f.year AND x.n < f.n), 0))
      END AS at
    FROM fit f),
-- ------------------------------------------------------------ what became of the household
said AS MATERIALIZED (
  SELECT h.subject, r.hlc, r.id, r.body ->> '$.data.set.poverty_status' AS status
    FROM lively h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'hh.facts'
   WHERE r.body ->> '$.data.set.poverty_status' IS NOT NULL),
mark AS MATERIALIZED (
  SELECT d.subject, d.at, d.id, d.year, d.hlc, coalesce((
      SELECT a.status FROM said a WHERE a.subject = d.subject AND a.hlc < d.at
       ORDER BY a.hlc DESC, a.id DESC LIMIT 1), 'none')
      IN ('not_exited', 'planned_exit', 'returned', 'exited') AS poor
    FROM done d WHERE d.step = 'mark' AND d.at IS NOT NULL),
cared AS MATERIALIZED (
  SELECT h.subject, r.subject AS id, r.hlc, r.id AS rid, CASE
      WHEN r.body ->> '$.data.op' = 'leave' THEN 0
      ELSE coalesce(json_array_length(unsealed(r.body), '$.data.set.care'), 0) > 0 END AS care
    FROM lively h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'members'
     AND mentions(l.doc, '"cared":1')
    CROSS JOIN json_each(unsealed(l.doc)) m
    CROSS JOIN stored_record r ON r.subject = m.value ->> '$.id' AND r.form = 'person.facts'
   WHERE m.value ->> '$.cared'
     AND (r.body ->> '$.data.op' = 'leave' OR json_type(unsealed(r.body), '$.data.set.care') IS NOT NULL)),
event AS MATERIALIZED (
  SELECT subject, hlc, id, status, NULL AS low, 0 AS care, NULL AS year FROM said
  UNION ALL
  SELECT subject, at, id, 'exited', NULL, 0, year FROM mark WHERE poor
  UNION ALL
  SELECT h.subject, x.value ->> '$.hlc', x'', NULL, x.value ->> '$.low', 0, NULL
    FROM lively h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'income'
    CROSS JOIN json_each(l.doc, '$.checks') x WHERE x.value ->> '$.low' IS NOT NULL
  UNION ALL
  SELECT subject, hlc, rid, NULL, NULL, care - lag(care, 1, 0) OVER (PARTITION BY id ORDER BY hlc, rid), NULL
    FROM cared),
run AS MATERIALIZED (
  SELECT *, count(status) OVER w AS a, count(low) OVER w AS b, sum(care) OVER w AS cares,
         row_number() OVER w AS n
    FROM event WINDOW w AS (PARTITION BY subject ORDER BY hlc, id)),
filled AS MATERIALIZED (
  SELECT subject, n, hlc, id, cares, coalesce(max(status) OVER (PARTITION BY subject, a), 'none') AS status,
         max(low) OVER (PARTITION BY subject, b) AS low, max(year) OVER (PARTITION BY subject, a) AS year,
         min(hlc) OVER (PARTITION BY subject, a) AS begun
    FROM run),
-- a helper is needed even while the county has not said how many visits (47-visit.sql asks none then)
needed AS MATERIALIZED (
  SELECT *, CASE
      WHEN status = 'planned_exit' THEN coalesce(param('visit.month_count_planned_exit'), 2) + 0
      WHEN status IN ('not_exited', 'returned', 'exited') OR low OR cares > 0
      THEN coalesce(param('visit.month_count'), 1) + 0 ELSE 0 END AS need,
      iif(status = 'exited', 1, low) AS watch
    FROM filled),
turn AS MATERIALIZED (
  SELECT *, need > 0 AND coalesce(was, 0) = 0 AS starts FROM (
      SELECT *, lag(need) OVER w AS was, lag(status) OVER w AS before
        FROM needed WINDOW w AS (PARTITION BY subject ORDER BY n))
   WHERE need IS NOT was OR status IS NOT before),
now AS MATERIALIZED (
  SELECT h.subject, h.place, h.persons, coalesce(k.status, 'none') AS status, coalesce(k.need, 0) AS need,
         k.watch, CASE WHEN k.status = 'exited' THEN coalesce(k.year, h.exit_year) END AS exit_year,
         CASE WHEN k.year IS NOT NULL THEN hlc_day(k.begun) END AS marked
    FROM home h LEFT JOIN (SELECT *, max(n) FROM needed GROUP BY subject) k ON k.subject = h.subject),
-- ------------------------------------------------------------ its checks
check7 AS MATERIALIZED (
  SELECT h.subject, substr(l.view, 7) AS name, l.doc ->> '$.state' AS state,
         iif(l.view = 'check.food', l.doc ->> '$.day', NULL) AS visited
    FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view > 'check.' AND l.view < 'check/'
     AND +l.view IN ('check.income', 'check.food', 'check.clothing', 'check.education', 'check.medical',
                    'check.housing', 'check.water')),
summary AS MATERIALIZED (
  SELECT subject, sum(state IN ('ok', 'gap')) AS known, sum(state = 'ok') AS fine,
         sum(state = 'gap') AS gaps, max(visited) AS visited
    FROM check7 GROUP BY subject)
SELECT n.subject, 'status' AS name, n.place, NULL AS num, NULL AS den,
       json_object('status', n.status, 'need', n.need,
         'since', CASE WHEN n.need THEN (
             SELECT hlc_day(max(t.hlc)) FROM turn t WHERE t.subject = n.subject AND t.starts) END,
         'watch', n.watch, 'exit_year', n.exit_year, 'marked', n.marked, 'turns', CASE
           WHEN EXISTS (SELECT 1 FROM turn t WHERE t.subject = n.subject AND t.need) THEN (
             SELECT json_group_array(json_object('day', hlc_day(hlc), 'status', status, 'need', need))
               FROM (SELECT * FROM turn t WHERE t.subject = n.subject ORDER BY t.n)) END) AS doc
  FROM now n
UNION ALL
SELECT subject, 'poverty', place, iif(status = 'exited', persons, 0), persons, '{}'
  FROM now WHERE status IN ('not_exited', 'planned_exit', 'returned', 'exited')
UNION ALL
SELECT subject, 'fact.poverty_status', NULL, NULL, NULL, json_object('value', status)
  FROM now WHERE marked IS NOT NULL
UNION ALL
SELECT subject, 'fact.exit_year', NULL, NULL, NULL, json_object('value', exit_year)
  FROM now WHERE marked IS NOT NULL
UNION ALL
SELECT subject, 'check.watch', NULL, NULL, NULL, json_object('value', json(iif(watch, 'true', 'false')))
  FROM now WHERE watch IS NOT NULL
UNION ALL
SELECT n.subject, 'check.exit_ready', NULL, NULL, NULL,
       json_object('value', json(iif(s.fine = 7 AND EXISTS (
           SELECT 1 FROM done d WHERE d.subject = n.subject AND d.step = 'agree' AND d.at IS NOT NULL
              AND d.year = CAST(substr(today(), 1, 4) AS INTEGER)), 'true', 'false')))
  FROM now n LEFT JOIN summary s ON s.subject = n.subject
 WHERE n.status IN ('not_exited', 'planned_exit', 'returned')
UNION ALL
SELECT s.subject, 'check.gaps', NULL, NULL, NULL, json_object('value', json(iif(s.gaps, (
    SELECT json_group_array(name) FROM (
      SELECT name FROM check7 k WHERE k.subject = s.subject AND k.state = 'gap' ORDER BY k.name)), '[]')))
  FROM summary s
UNION ALL
SELECT subject, 'check.known', NULL, NULL, NULL, json_object('value', known) FROM summary
UNION ALL
SELECT subject, 'check.last_visit', NULL, NULL, NULL, json_object('value', visited)
  FROM summary WHERE visited IS NOT NULL
UNION ALL
SELECT d.subject, 'exit', NULL, NULL, NULL, json_object('steps', (
    SELECT json_group_array(json_object('year', year, 'step', step, 'day', hlc_day(hlc),
                                        'cause', id_text(id), 'effective', hlc_day(at)))
      FROM (SELECT * FROM done x WHERE x.subject = d.subject ORDER BY x.hlc, x.id)),
    'holes', (
    SELECT json_group_array(json_object('cycle', cycle, 'year', year, 'step', step, 'why', why,
             'opened', hlc_day(hlc), 'closed', hlc_day(closed), 'cause', id_text(id)))
      FROM (
        SELECT x.*, row_number() OVER (ORDER BY x.hlc, x.id) AS cycle, CASE
            WHEN NOT x.fits AND x.step = 'announce' THEN 'early' WHEN NOT x.fits THEN 'unready'
            WHEN coalesce(x.at, x.hlc + 1) > x.hlc THEN 'order' ELSE 'status' END AS why,
            (SELECT min(max(y.at, x.hlc)) FROM done y
              WHERE y.subject = x.subject AND y.year = x.year AND y.step = x.step AND y.at > x.hlc) AS closed
          FROM done x
         WHERE x.subject = d.subject AND (x.at IS NULL OR x.at > x.hlc
            OR EXISTS (SELECT 1 FROM mark m WHERE m.id = x.id AND NOT m.poor))
         ORDER BY x.hlc, x.id)))
  FROM step d GROUP BY d.subject
