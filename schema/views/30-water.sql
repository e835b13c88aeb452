-- view: water
-- level: household
-- forms: hh.facts person.facts exit.step inspect.water
-- reads: population instants
-- names: check.water water.assessed water.safe water.left
-- keeps: water at.water
-- The newest evaluation counts, for a year. An episode begins when the water is found unsafe and
-- ends when the water authority (SI) finds it safe.
WITH RECURSIVE
ev AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, r.author, hlc_day(r.hlc) AS day,
    CASE WHEN r.body ->> '$.data.litres_ppd' >= coalesce(param('water.litres_reached'), 60) + 0 THEN 'reached'
         WHEN r.body ->> '$.data.litres_ppd' >= coalesce(param('water.litres_basic'), 35) + 0 THEN 'basic'
         ELSE 'fail' END AS quantity,
    CASE r.body ->> '$.data.qual' WHEN 'gb' THEN 'reached' WHEN 'relaxed' THEN 'basic'
         WHEN 'field_ok' THEN 'basic' ELSE 'fail' END AS quality,
    CASE WHEN r.body ->> '$.data.at_home'
           OR r.body ->> '$.data.haul_min' <= coalesce(param('water.haul_min_reached'), 10) + 0 THEN 'reached'
         WHEN r.body ->> '$.data.haul_min' <= coalesce(param('water.haul_min_basic'), 20) + 0
           OR r.body ->> '$.data.haul_m' <= coalesce(param('water.haul_m_basic'), 800) + 0
           OR r.body ->> '$.data.climb_m' <= coalesce(param('water.climb_m_basic'), 80) + 0 THEN 'basic'
         ELSE 'fail' END AS convenience,
    CASE WHEN r.body ->> '$.data.outage_days' <= coalesce(param('water.outage_days_reached'), 18) + 0 THEN 'reached'
         WHEN r.body ->> '$.data.outage_days' <= coalesce(param('water.outage_days_basic'), 36) + 0 THEN 'basic'
         ELSE 'fail' END AS reliability
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form = 'inspect.water'),
step AS MATERIALIZED (
  SELECT v.*, row_number() OVER (PARTITION BY v.subject ORDER BY v.hlc, v.id) AS n,
         'fail' NOT IN (quantity, quality, convenience, reliability) AS safe,
         a.doc ->> '$.role' = 'SI' AS si
    FROM ev v LEFT JOIN entity a ON a.kind = 'cadre' AND a.id = v.author),
-- closed: NULL while an episode runs
fold(subject, n, ep, found, cause, closed) AS (
  SELECT DISTINCT subject, 0, 0, NULL, NULL, '' FROM step
  UNION ALL
  SELECT f.subject, s.n, f.ep + (NOT s.safe AND f.closed IS NOT NULL),
         iif(NOT s.safe AND f.closed IS NOT NULL, s.day, f.found),
         iif(NOT s.safe AND f.closed IS NOT NULL, s.id, f.cause),
         CASE WHEN NOT s.safe THEN NULL WHEN f.closed IS NULL AND s.si THEN s.day ELSE f.closed END
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n + 1),
episode AS MATERIALIZED (SELECT *, max(n) FROM fold WHERE ep > 0 GROUP BY subject, ep),
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
         s.day >= date(m.asked, '-' || coalesce(param('check.water_days'), 365) || ' days') AS valid,
         max(s.n)
    FROM moment m CROSS JOIN step s ON s.subject = m.subject AND s.hlc <= m.hlc
   GROUP BY m.subject, m.key),
home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.water_target' AS target, w.valid, w.safe
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
    LEFT JOIN newest w ON w.subject = c.subject AND w.key = ''
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000')
SELECT w.subject, 'check.water' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', CASE WHEN NOT valid THEN 'stale' WHEN safe THEN 'ok' ELSE 'gap' END,
         'quantity', quantity, 'quality', quality, 'convenience', convenience,
         'reliability', reliability, 'day', day) AS doc
  FROM newest w WHERE key = ''
UNION ALL
SELECT subject, 'at.water', NULL, NULL, NULL,
       json_group_object(key, CASE WHEN NOT valid THEN 'stale' WHEN safe THEN 'ok' ELSE 'gap' END)
  FROM (SELECT * FROM newest WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL SELECT subject, 'water.assessed', place, coalesce(valid, 0), 1, '{}' FROM home
UNION ALL SELECT subject, 'water.safe', place, safe, 1, '{}' FROM home WHERE valid
UNION ALL
SELECT h.subject, 'water.left', h.place, l.num, NULL, '{}'
  FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'population'
 WHERE h.target AND NOT coalesce(h.valid AND h.safe, 0)
UNION ALL
SELECT p.subject, 'water', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('cycle', ep, 'found', found, 'cause', id_text(cause),
                                            'closed', closed))
          FROM (SELECT * FROM episode o WHERE o.subject = p.subject ORDER BY o.ep))
  FROM episode p GROUP BY p.subject
