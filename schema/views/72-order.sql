-- view: order
-- level: finding
-- forms: dispatch.order task.update register.cadre
-- opened-by: dispatch.order
-- keeps: order
-- Items of lists and dispatch orders, each under the id of its record; what it says is its newest
-- amendment. It is done when the cadre in duty, or one of the same role and unit, reports it, unless
-- who issued it, or the county, returns it. An item of a list that is not done when its period ends is
-- carried over, once for each period that passes. Stands at the county.
WITH RECURSIVE
version(subject, id, day, about, author) AS (
  SELECT c.subject, r.id, hlc_day(r.hlc), r.subject, r.author FROM changed c
    CROSS JOIN record r ON r.id = id_blob(c.subject)
   WHERE r.form = 'dispatch.order' AND r.outcome = 1 AND r.amends IS NULL
  UNION
  SELECT v.subject, r.id, v.day, v.about, v.author FROM version v CROSS JOIN record r ON r.amends = v.id
   WHERE r.form = 'dispatch.order' AND r.subject = v.about AND r.author = v.author AND r.effect <> -2
     AND r.outcome = 1),
newest AS MATERIALIZED (
  SELECT v.subject, v.day, v.about, v.author, r.body -> '$.data' AS data, max(r.hlc) AS hlc
    FROM version v CROSS JOIN stored_record r ON r.id = v.id GROUP BY v.subject),
duty AS MATERIALIZED (
  SELECT n.*, cadre_at(n.author, 'role', n.hlc) AS issuer_role,
         cadre_at(n.data ->> '$.duty_cadre', 'role', n.hlc) AS role
    FROM newest n),
said AS MATERIALIZED (
  SELECT d.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.state' AS state
    FROM duty d CROSS JOIN stored_record r ON r.subject = 'T-K1-' || d.subject || '-1' AND r.form = 'task.update'
   WHERE CASE r.body ->> '$.data.state'
           WHEN 'reported' THEN r.author = d.data ->> '$.duty_cadre'
             OR (cadre_at(r.author, 'role', r.hlc) = d.role
               AND cadre_at(r.author, 'unit', r.hlc) = d.data ->> '$.duty_unit')
           WHEN 'returned' THEN r.author = d.author OR cadre_at(r.author, 'role', r.hlc) = 'CO' END),
returned AS MATERIALIZED (
  SELECT s.subject, max(s.hlc) AS hlc FROM said s
   WHERE s.state = 'returned' AND EXISTS (
     SELECT 1 FROM said x WHERE x.subject = s.subject AND x.state = 'reported' AND x.hlc < s.hlc)
   GROUP BY s.subject),
told AS MATERIALIZED (
  SELECT d.*, e.hlc IS NOT NULL AS returned, data ->> '$.period' AS period, (
           SELECT min(s.day) FROM said s
            WHERE s.subject = d.subject AND s.state = 'reported' AND s.hlc > coalesce(e.hlc, 0)) AS done
    FROM duty d LEFT JOIN returned e ON e.subject = d.subject)
SELECT subject, 'order' AS name, substr(about, 1, 6) || '000000' AS place, NULL AS num, NULL AS den,
       json_object('day', day, 'about', about, 'kind', data ->> '$.kind', 'list', data ->> '$.list',
         'period', period, 'title', data ->> '$.title', 'unit', data ->> '$.duty_unit',
         'cadre', data ->> '$.duty_cadre', 'role', role, 'due', data ->> '$.due', 'issuer_role', issuer_role,
         'done', done, 'returned', returned,
         'carried', CASE WHEN data ->> '$.kind' <> 'list' THEN 0
           WHEN period GLOB '*Q*' THEN
             max(0, 4 * (substr(coalesce(done, today()), 1, 4) - substr(period, 1, 4))
                    + (substr(coalesce(done, today()), 6, 2) + 2) / 3 - substr(period, 7, 1))
           ELSE max(0, 12 * (substr(coalesce(done, today()), 1, 4) - substr(period, 1, 4))
                       + substr(coalesce(done, today()), 6, 2) - substr(period, 6, 2)) END) AS doc
  FROM told
