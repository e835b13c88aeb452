-- view: exit-village
-- level: village
-- forms: exit.step register.division village.survey indicator
-- reads: list.exit_villages
-- names: v.exited target.exit_villages
-- keeps: exit fault.exit
-- A poor village leaves poverty by a mark of the county after the steps review, verify, notice and
-- announce of that year; a step has effect once all before it are there, in whatever order they came.
-- An announcement comes after the notice ended; a mark wants the checks of the village to hold at its
-- stamp: by what was written of the village until then, the members then of the households that were
-- poor on that day, the water that was safe then in the households known then (parameters as they are
-- now; an unknown check does not hold): what comes later undoes no mark and makes none. `exit`:
-- "steps" [{"year", "step", "day", "cause", "effective"}]; `fault.exit`: the steps without effect.
WITH RECURSIVE
village AS MATERIALIZED (
  SELECT c.subject, e.doc ->> '$.poor_village' AS poor,
         (SELECT 1 FROM ledger l WHERE l.subject = c.subject AND l.view = 'list.exit_villages') AS listed
    FROM changed c CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
   WHERE e.gone = ''),
step AS MATERIALIZED (
  SELECT v.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.year' AS year,
         r.body ->> '$.data.step' AS step, r.body ->> '$.data.date' AS date,
         r.body ->> '$.data.notice_to' AS until,
         CASE r.body ->> '$.data.step' WHEN 'review' THEN 1 WHEN 'verify' THEN 2 WHEN 'notice' THEN 3
              WHEN 'announce' THEN 4 WHEN 'mark' THEN 5 END AS n
    FROM village v CROSS JOIN stored_record r ON r.subject = v.subject AND r.form = 'exit.step'),
-- ---- the checks of the village at the stamp of a mark
mark AS MATERIALIZED (SELECT subject, id, hlc, day FROM step WHERE step = 'mark'),
written AS MATERIALIZED (
  SELECT m.id, coalesce(r.body -> '$.data.set', r.body -> '$.data') AS said,
         row_number() OVER (PARTITION BY m.id ORDER BY r.hlc, r.id) AS n
    FROM mark m CROSS JOIN stored_record r
      ON r.subject = m.subject AND r.form IN ('register.division', 'village.survey') AND r.hlc <= m.hlc),
folded(id, n, doc) AS (
  SELECT id, 0, '{}' FROM mark
  UNION ALL
  SELECT f.id, u.n, json_patch(f.doc, u.said)
    FROM folded f CROSS JOIN written u ON u.id = f.id AND u.n = f.n + 1),
known AS MATERIALIZED (SELECT id, doc, max(n) FROM folded GROUP BY id),
home AS MATERIALIZED (
  SELECT m.id, h.doc, coalesce((SELECT x.value ->> '$.status' FROM json_each(g.doc, '$.turns') x
                                 WHERE x.value ->> '$.day' <= m.day ORDER BY x.key DESC LIMIT 1),
                               iif(g.doc ->> '$.turns' IS NULL, g.doc ->> '$.status', 'none')) AS status
    FROM mark m CROSS JOIN ledger h ON h.place = m.subject AND h.view = 'history'
    CROSS JOIN ledger g ON g.subject = h.subject AND g.view = 'status'
   WHERE h.doc ->> '$.since' <= m.hlc),
poor AS MATERIALIZED (
  SELECT m.id, (SELECT count(*) FROM home z CROSS JOIN json_each(z.doc, '$.members') q
                 WHERE z.id = m.id AND z.status IN ('not_exited', 'planned_exit', 'returned')
                   AND q.value ->> '$[0]' <= m.hlc
                   AND coalesce(q.value ->> '$[1]', m.hlc + 1) > m.hlc) AS unexited
    FROM mark m),
safe AS MATERIALIZED (
  SELECT m.id, count(*) AS homes, total((
      SELECT x.value ->> '$[2]' = 1
             AND x.value ->> '$[1]' >= date(m.day, '-' || param('check.water_days') || ' days')
        FROM ledger w CROSS JOIN json_each(w.doc) x
       WHERE w.subject = h.subject AND w.view = 'water.said' AND x.value ->> '$[0]' <= m.hlc
       ORDER BY x.key DESC LIMIT 1)) AS safe
    FROM mark m CROSS JOIN ledger h ON h.place = m.subject AND h.view = 'water.assessed'
   WHERE param('v.safe_water_pct_min') IS NOT NULL
     AND EXISTS (SELECT 1 FROM stored_record r
                  WHERE r.subject = h.subject AND r.form = 'hh.facts' AND r.hlc <= m.hlc)
   GROUP BY m.id),
ready AS MATERIALIZED (
  SELECT k.id, coalesce(
         100.0 * o.unexited / (doc ->> '$.rural_pop') < param('v.incidence_pct_max') + 0
         AND json_array_length(doc, '$.industry') > 0
         AND doc ->> '$.collective_income_yuan' >= param('v.collective_income_yuan_min') + 0
         AND 100.0 * (doc ->> '$.groups_road') / (doc ->> '$.groups') >= param('v.road_pct_min') + 0
         AND 100.0 * (doc ->> '$.hh_power') / (doc ->> '$.households') >= param('v.power_pct_min') + 0
         AND 100.0 * (doc ->> '$.hh_broadband') / (doc ->> '$.households') >= param('v.broadband_pct_min') + 0
         AND 100.0 * q.safe / q.homes >= param('v.safe_water_pct_min') + 0
         AND doc ->> '$.clinic' AND doc ->> '$.doctors' >= param('v.doctors_min') + 0
         AND doc ->> '$.culture_m2' > 0, 0) AS ready
    FROM known k JOIN poor o ON o.id = k.id LEFT JOIN safe q ON q.id = k.id),
-- ---- the steps
fit AS MATERIALIZED (
  SELECT s.*, CASE step
      WHEN 'announce' THEN EXISTS (
        SELECT 1 FROM step x WHERE x.subject = s.subject AND x.year = s.year
           AND x.step = 'notice' AND x.until < s.date)
      WHEN 'mark' THEN (SELECT d.ready FROM ready d WHERE d.id = s.id)
      ELSE 1 END AS fits
    FROM step s WHERE n IS NOT NULL),
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
hole AS MATERIALIZED (
  SELECT d.*, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS cycle,
         (SELECT hlc_day(max(y.at, d.hlc)) FROM done y
           WHERE y.subject = d.subject AND y.year = d.year AND y.step = d.step AND y.at > d.hlc
           ORDER BY y.at LIMIT 1) AS closed
    FROM done d WHERE d.at IS NULL OR d.at > d.hlc)
SELECT subject, 'v.exited' AS name, subject AS place,
       EXISTS (SELECT 1 FROM done d WHERE d.subject = v.subject AND d.step = 'mark' AND d.at IS NOT NULL) AS num,
       1 AS den, '{}' AS doc
  FROM village v WHERE poor OR listed
UNION ALL
SELECT subject, 'target.exit_villages', subject,
       EXISTS (SELECT 1 FROM done d WHERE d.subject = v.subject AND d.step = 'mark' AND d.at IS NOT NULL), 1, '{}'
  FROM village v WHERE listed
UNION ALL
SELECT d.subject, 'exit', NULL, NULL, NULL, json_object('steps', json_group_array(json_object(
         'year', year, 'step', step, 'day', day, 'cause', id_text(id), 'effective', iif(at, hlc_day(at), NULL))))
  FROM (SELECT * FROM done ORDER BY subject, hlc, id) d GROUP BY d.subject
UNION ALL
SELECT o.subject, 'fault.exit', NULL, NULL, NULL, json_group_array(json_object(
         'part', 'exit', 'cycle', cycle, 'opened', day, 'closed', closed, 'cause', id_text(id),
         'zh', CASE WHEN fits THEN '核实数据:村退出缺少前一环节' WHEN step = 'mark' THEN '核实数据:村未达到退出标准,标注未生效'
                    ELSE '核实数据:公示未满即公告' END,
         'en', CASE WHEN fits THEN 'Check the data: an earlier step of the exit is missing'
                    WHEN step = 'mark' THEN 'Check the data: the village does not meet the standard, the mark has no effect'
                    ELSE 'Check the data: announced before the notice ended' END))
  FROM (SELECT * FROM hole ORDER BY subject, cycle) o GROUP BY o.subject
