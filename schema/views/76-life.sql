-- view: life
-- level: village
-- forms: register.division village.survey survey.opinion activity.log
-- reads: env.months
-- names: env.reported env.rule env.sewage env.chiefs opinion.known opinion.recognise opinion.poor opinion.exited opinion.non_poor opinion.cadre opinion.help opinion.effect opinion.exit_fair opinion.env opinion.water post post.last activity.night_school activity.publicity activity.award activity.council activity.dispatch activity.night_school.last activity.publicity.last activity.award.last activity.council.last activity.dispatch.last
-- What goes on in a village: activities and days in post (a date counts once a village, whoever was
-- there) of this month so far, `.last` of the last one; of the reports about the environment that have
-- effect the newest (env.chiefs: pond chiefs of ponds; env.reported: whether there is one for last
-- month); opinions of all time, of each household the newest. What who helps the household says of
-- it has no effect (dq18; 67-dq-helper asks again when that changes).
WITH village AS MATERIALIZED (
  SELECT c.subject, e.doc FROM changed c
    CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 10) <> '000'),
fact AS MATERIALIZED (
  SELECT subject, doc ->> '$.households' AS households, doc ->> '$.ponds_total' AS ponds
    FROM village),
report AS MATERIALIZED (
  SELECT v.subject, m.value ->> '$.month' AS month, m.value AS said
    FROM village v CROSS JOIN ledger l ON l.subject = v.subject AND l.view = 'env.months'
    CROSS JOIN json_each(l.doc) m),
newest AS MATERIALIZED (
  SELECT subject, said, max(month) AS month FROM report
   WHERE month <= substr(today(), 1, 7) GROUP BY subject),
-- ---- opinions
asked AS MATERIALIZED (
  SELECT * FROM (
    SELECT v.subject, r.body -> '$.data' AS said, r.body ->> '$.data.resp' AS resp,
           row_number() OVER (PARTITION BY v.subject, coalesce(unsealed(r.body) ->> '$.data.hh', r.id)
                              ORDER BY r.hlc DESC, r.id DESC) AS k
      FROM village v CROSS JOIN stored_record r
        ON r.subject = v.subject AND r.form = 'survey.opinion'
     WHERE NOT EXISTS (
       SELECT 1 FROM assignment h
        WHERE h.target = unsealed(r.body) ->> '$.data.hh' AND h.kind = 'cadre_household'
          AND h.cadre = r.author AND hlc_day(r.hlc) BETWEEN h.from_day AND h.to_day)) WHERE k = 1),
scored(name, path) AS (VALUES
  ('opinion.help', '$.help'), ('opinion.effect', '$.effect'), ('opinion.exit_fair', '$.exit_fair'),
  ('opinion.env', '$.env'), ('opinion.water', '$.water')),
-- ---- activities
act AS MATERIALIZED (
  SELECT v.subject, r.body ->> '$.data.kind' AS kind, r.body ->> '$.data.date' AS day,
         CASE substr(r.body ->> '$.data.date', 1, 7) WHEN substr(today(), 1, 7) THEN ''
           WHEN substr(date(today(), 'start of month', '-1 day'), 1, 7) THEN '.last' END AS month
    FROM village v CROSS JOIN stored_record r ON r.subject = v.subject AND r.form = 'activity.log')
SELECT f.subject, 'env.reported' AS name, f.subject AS place, EXISTS (
    SELECT 1 FROM report o WHERE o.subject = f.subject
       AND o.month = substr(date(today(), 'start of month', '-1 day'), 1, 7)) AS num,
       1 AS den, '{}' AS doc
  FROM fact f
UNION ALL SELECT subject, 'env.rule', subject, said ->> '$.cleaning_rule', 1, '{}' FROM newest
UNION ALL
SELECT n.subject, 'env.sewage', n.subject, n.said ->> '$.sewage_hh', f.households, '{}'
  FROM newest n CROSS JOIN fact f ON f.subject = n.subject WHERE f.households IS NOT NULL
UNION ALL
SELECT n.subject, 'env.chiefs', n.subject, n.said ->> '$.pond_chiefs', f.ponds, '{}'
  FROM newest n CROSS JOIN fact f ON f.subject = n.subject WHERE f.ponds IS NOT NULL
UNION ALL
SELECT subject, 'opinion.known', subject, sum(said ->> '$.known'), sum(said ->> '$.asked'), '{}'
  FROM asked GROUP BY subject
UNION ALL
SELECT subject, 'opinion.recognise', subject, sum(said ->> '$.recognise'), count(*), '{}'
  FROM asked WHERE resp <> 'cadre' GROUP BY subject
UNION ALL
SELECT subject, 'opinion.' || resp, subject, sum(said ->> '$.recognise'), count(*), '{}'
  FROM asked WHERE resp IN ('poor', 'exited', 'non_poor', 'cadre') GROUP BY subject, resp
UNION ALL
SELECT a.subject, s.name, a.subject, sum(a.said ->> s.path), count(*), '{}'
  FROM asked a CROSS JOIN scored s WHERE a.said ->> s.path IS NOT NULL GROUP BY 1, 2
UNION ALL
SELECT f.subject, 'post' || m.month, f.subject, (
    SELECT count(DISTINCT a.day) FROM act a
     WHERE a.subject = f.subject AND a.kind = 'post_day' AND a.month = m.month),
    param('post.days_month_min') + 0, '{}'
  FROM fact f CROSS JOIN (SELECT '' AS month UNION ALL SELECT '.last') m
UNION ALL
SELECT subject, 'activity.' || kind || month, subject, count(*), NULL, '{}'
  FROM act WHERE month IS NOT NULL
   AND kind IN ('night_school', 'publicity', 'award', 'council', 'dispatch') GROUP BY 1, 2
