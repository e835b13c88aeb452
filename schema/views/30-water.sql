-- view: water
-- level: household
-- forms: register.cadre hh.facts person.facts exit.step inspect.water
-- reads: population instants
-- names: check.water water.assessed water.safe water.left
-- keeps: water at.water water.said
-- The newest evaluation counts, for a year. An episode begins when the water is found unsafe and
-- ends when the water authority (SI) finds it safe. What a parameter without value would have to
-- judge is unknown: neither safe nor unsafe. `water.said`: [[stamp, day, safe], …], all evaluations, so
-- that others can ask what the newest was at a past moment; it changes with each, and so its village is
-- asked again (T-W2, 78-exit-village).
WITH RECURSIVE
ev AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, r.author, hlc_day(r.hlc) AS day,
    CASE WHEN r.body ->> '$.data.litres_ppd' >= param('water.litres_reached') + 0 THEN 'reached'
         WHEN r.body ->> '$.data.litres_ppd' >= param('water.litres_basic') + 0 THEN 'basic'
         WHEN r.body ->> '$.data.litres_ppd' < param('water.litres_basic') + 0 THEN 'fail'
         ELSE 'unknown' END AS quantity,
    CASE r.body ->> '$.data.qual' WHEN 'gb' THEN 'reached' WHEN 'relaxed' THEN 'basic'
         WHEN 'field_ok' THEN 'basic' ELSE 'fail' END AS quality,
    CASE WHEN r.body ->> '$.data.at_home'
           OR r.body ->> '$.data.haul_min' <= param('water.haul_min_reached') + 0 THEN 'reached'
         WHEN r.body ->> '$.data.haul_min' <= param('water.haul_min_basic') + 0
           OR r.body ->> '$.data.haul_m' <= param('water.haul_m_basic') + 0
           OR r.body ->> '$.data.climb_m' <= param('water.climb_m_basic') + 0 THEN 'basic'
         WHEN param('water.haul_min_basic') IS NULL OR param('water.haul_m_basic') IS NULL
           OR param('water.climb_m_basic') IS NULL THEN 'unknown'
         ELSE 'fail' END AS convenience,
    CASE WHEN r.body ->> '$.data.outage_days' <= param('water.outage_days_reached') + 0 THEN 'reached'
         WHEN r.body ->> '$.data.outage_days' <= param('water.outage_days_basic') + 0 THEN 'basic'
         WHEN r.body ->> '$.data.outage_days' > param('water.outage_days_basic') + 0 THEN 'fail'
         ELSE 'unknown' END AS reliability
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form = 'inspect.water'),
step AS MATERIALIZED (
  SELECT v.*, row_number() OVER (PARTITION BY v.subject ORDER BY v.hlc, v.id) AS n,
         CASE WHEN 'fail' IN (quantity, quality, convenience, reliability) THEN 0
              WHEN 'unknown' NOT IN (quantity, convenience, reliability) THEN 1 END AS safe,
         cadre_at(v.author, 'role', v.hlc) = 'SI' AS si
    FROM ev v),
-- closed: NULL while an episode runs
fold(subject, n, ep, found, cause, closed) AS (
  SELECT DISTINCT subject, 0, 0, NULL, NULL, '' FROM step
  UNION ALL
  SELECT f.subject, s.n, f.ep + (s.safe IS 0 AND f.closed IS NOT NULL),
         iif(s.safe IS 0 AND f.closed IS NOT NULL, s.day, f.found),
         iif(s.safe IS 0 AND f.closed IS NOT NULL, s.id, f.cause),
         CASE WHEN NOT s.safe THEN NULL WHEN f.closed IS NULL AND s.safe AND s.si THEN s.day ELSE f.closed END
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n + 1),
episode AS MATERIALIZED (SELECT *, max(n) FROM fold WHERE ep > 0 GROUP BY subject, ep),
-- found safe in an episode, but not by SI, until found otherwise or by SI
wait AS MATERIALIZED (
  SELECT *, lead(day) OVER (PARTITION BY subject ORDER BY n) AS until FROM (
    SELECT *, lag(waits, 1, 0) OVER (PARTITION BY subject ORDER BY n) AS before FROM (
      SELECT f.subject, f.ep, f.n, s.day, f.closed IS NULL AND s.safe IS 1 AS waits
        FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n WHERE f.ep > 0))
   WHERE waits <> before),
-- now ('') and the instants at which the checks are asked for besides
moment AS MATERIALIZED (
  SELECT subject, '' AS key, today() AS asked, 9223372036854775807 AS hlc FROM ev GROUP BY subject
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.day', i.value ->> '$.hlc'
    FROM (SELECT subject FROM ev GROUP BY subject) s
    CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
newest AS MATERIALIZED (
  SELECT s.*, m.key,
         s.day >= date(m.asked, '-' || param('check.water_days') || ' days') AS valid,
         max(s.n)
    FROM moment m CROSS JOIN step s ON s.subject = m.subject AND s.hlc <= m.hlc
   GROUP BY m.subject, m.key),
judged AS MATERIALIZED (
  SELECT *, CASE WHEN NOT valid THEN 'stale' WHEN valid IS NULL OR safe IS NULL THEN 'unknown'
                 WHEN safe THEN 'ok' ELSE 'gap' END AS state FROM newest),
home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.water_target' AS target, w.valid, w.safe
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
    LEFT JOIN newest w ON w.subject = c.subject AND w.key = ''
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000')
SELECT w.subject, 'check.water' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state,
         'quantity', quantity, 'quality', quality, 'convenience', convenience,
         'reliability', reliability, 'day', day) AS doc
  FROM judged w WHERE key = ''
UNION ALL
SELECT subject, 'at.water', NULL, NULL, NULL,
       json_group_object(key, state)
  FROM (SELECT * FROM judged WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL SELECT subject, 'water.assessed', place, coalesce(valid, 0), 1, '{}' FROM home
UNION ALL SELECT subject, 'water.safe', place, safe, 1, '{}' FROM home WHERE valid
UNION ALL
SELECT h.subject, 'water.left', h.place, l.num, NULL, '{}'
  FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'population'
 WHERE h.target AND NOT coalesce(h.valid AND h.safe, 0)
UNION ALL
SELECT subject, 'water.said', substr(subject, 1, 12), NULL, NULL,
       json_group_array(json_array(hlc, day, safe))
  FROM (SELECT * FROM step ORDER BY subject, n) GROUP BY subject
UNION ALL
SELECT p.subject, 'water', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('cycle', ep, 'found', found, 'cause', id_text(cause),
                                            'closed', closed, 'waits', (
                    SELECT json_group_array(json_object('from', day, 'to', until)) FROM wait w
                     WHERE w.subject = p.subject AND w.ep = n.ep AND w.waits)))
          FROM (SELECT * FROM episode o WHERE o.subject = p.subject ORDER BY o.ep) n)
  FROM episode p GROUP BY p.subject
