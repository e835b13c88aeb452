-- rule: T-F3
-- level: finding
-- forms: finding.report rectify.report verify.lookback
-- reads: finding.loop
-- title-zh: 整改回头看
-- title-en: Look back at the rectification
-- Whenever a finding was closed: all covert and high ones, a sample of the others.
SELECT c.subject AS root, c.subject, l.doc ->> '$.place' AS place,
       row_number() OVER (PARTITION BY c.subject ORDER BY e.key) AS cycle,
       e.value ->> '$.day' AS opened, date(e.value ->> '$.day', '+30 days') AS due,
       (SELECT x.value ->> '$.day' FROM json_each(l.doc, '$.events') x
         WHERE x.key > e.key AND x.value ->> '$.what' IN ('kept', 'relapsed')
         ORDER BY x.key LIMIT 1) AS closed,
       'CT' AS assignee_role, e.value ->> '$.id' AS cause, iif(l.doc ->> '$.covert', 5, 1) AS class
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
  CROSS JOIN json_each(l.doc, '$.events') e
 WHERE e.value ->> '$.what' = 'passed'
   AND (l.doc ->> '$.covert' OR l.doc ->> '$.severity' = 'high'
        OR sample(c.subject) < param('lookback.sample_pct') + 0)
