-- rule: T-Z2
-- level: township
-- forms: indicator
-- priority: 1
-- title-zh: 专项巡察:未整改严重问题集中
-- title-en: Patrol: many open findings of high severity
-- In a township, from the day on which there are five or more open findings of high severity, covert ones
-- too, until what a patrol found there. Again when there are five anew after that.
WITH many AS MATERIALIZED (
  SELECT c.subject FROM changed c
    CROSS JOIN indicator i ON i.place = c.subject AND i.name = 'find.high_open' WHERE i.den >= 5),
within AS MATERIALIZED (
  SELECT m.subject, d.id AS village FROM many m
    CROSS JOIN entity d ON d.kind = 'division' AND d.id > m.subject AND d.id < substr(m.subject, 1, 9) || ':'),
high AS MATERIALIZED (
  SELECT w.subject, l.doc FROM within w
    CROSS JOIN ledger h ON h.place = w.village AND h.view = 'find.high_open'
    CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'finding.loop'),
count_of AS MATERIALIZED (
  SELECT subject, day, sum(sum(n)) OVER (PARTITION BY subject ORDER BY day) AS n FROM (
    SELECT subject, doc ->> '$.day' AS day, 1 AS n FROM high
    UNION ALL
    SELECT subject, x.value ->> '$.day', iif(x.value ->> '$.what' = 'passed', -1, 1)
      FROM high CROSS JOIN json_each(doc, '$.events') x
     WHERE x.value ->> '$.what' IN ('passed', 'relapsed'))
   GROUP BY subject, day),
reached AS MATERIALIZED (
  SELECT subject, day, lag(day) OVER (PARTITION BY subject ORDER BY day) AS last FROM (
    SELECT subject, day, n, lag(n, 1, 0) OVER (PARTITION BY subject ORDER BY day) AS before FROM count_of)
   WHERE n >= 5 AND before < 5),
patrol AS MATERIALIZED (
  SELECT w.subject, l.doc ->> '$.day' AS day FROM within w
    CROSS JOIN ledger h ON h.place = w.village AND h.view = 'find.patrol'
    CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'finding.loop')
SELECT subject AS root, subject, subject AS place, row_number() OVER (PARTITION BY subject ORDER BY day) AS cycle,
       day AS opened, date(day, '+20 days') AS due,
       (SELECT min(p.day) FROM patrol p WHERE p.subject = r.subject AND p.day >= r.day) AS closed,
       'CO' AS assignee_role, 'CO' AS verifier_role, 7 AS class
  FROM reached r
 WHERE last IS NULL OR EXISTS (
   SELECT 1 FROM patrol p WHERE p.subject = r.subject AND p.day BETWEEN r.last AND r.day)
