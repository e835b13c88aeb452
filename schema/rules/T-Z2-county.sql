-- rule: T-Z2
-- level: county
-- forms: indicator
-- priority: 1
-- title-zh: 专项巡察:超期任务连续两月最多
-- title-en: Patrol: most overdue tasks two months running
-- Where, of all townships or of all villages, alone the most tasks were overdue at the end of two months
-- running; again after the next two.
WITH counted AS MATERIALIZED (
  SELECT c.subject AS root, l.subject AS village, x.key AS month, x.value AS n
    FROM changed c CROSS JOIN entity d
      ON d.kind = 'division' AND d.id > c.subject AND d.id < substr(c.subject, 1, 6) || ':'
    CROSS JOIN ledger l ON l.subject = d.id AND l.view = 'overdue'
    CROSS JOIN json_each(l.doc) x),
place_of AS MATERIALIZED (
  SELECT root, 'village' AS kind, village AS place, month, n FROM counted
  UNION ALL
  SELECT root, 'township', substr(village, 1, 9) || '000', month, sum(n) FROM counted GROUP BY 1, 3, 4),
most AS MATERIALIZED (
  SELECT root, kind, month, max(n) AS n FROM place_of GROUP BY root, kind, month),
worst AS MATERIALIZED (
  SELECT p.root, p.kind, p.month, min(p.place) AS place,
         12 * substr(p.month, 1, 4) + substr(p.month, 6, 2) AS k
    FROM most m CROSS JOIN place_of p ON p.root = m.root AND p.kind = m.kind AND p.month = m.month AND p.n = m.n
   GROUP BY p.root, p.kind, p.month HAVING count(*) = 1),
run AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY root, place, first ORDER BY k) AS n FROM (
    SELECT *, k - row_number() OVER (PARTITION BY root, place ORDER BY k) AS first FROM worst)),
patrol AS MATERIALIZED (
  SELECT c.subject AS root, l.doc ->> '$.place' AS village, l.doc ->> '$.day' AS day
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'finding.loop'
   WHERE l.doc ->> '$.source' = 'patrol')
SELECT root, place AS subject, place, 'overdue' AS part, month AS cycle, date(month || '-01', '+1 month') AS opened,
       date(month || '-01', '+1 month', '+20 days') AS due,
       (SELECT min(p.day) FROM patrol p
         WHERE p.root = r.root AND p.day >= date(r.month || '-01', '+1 month')
           AND iif(r.kind = 'village', p.village = r.place, substr(p.village, 1, 9) = substr(r.place, 1, 9))) AS closed,
       'CO' AS assignee_role, 'CO' AS verifier_role, 7 AS class
  FROM run r WHERE n % 2 = 0
