-- rule: T-F2
-- level: finding
-- forms: finding.report rectify.report verify.lookback
-- reads: finding.loop
-- priority: 2
-- title-zh: 核查整改
-- title-en: Check the rectification
-- One for each rectification, ended by the check that follows it.
SELECT c.subject AS root, c.subject, l.doc ->> '$.place' AS place,
       row_number() OVER (PARTITION BY c.subject ORDER BY e.key) AS cycle,
       e.value ->> '$.day' AS opened, date(e.value ->> '$.day', '+5 days') AS due,
       (SELECT x.value ->> '$.day' FROM json_each(l.doc, '$.events') x
         WHERE x.key > e.key AND x.value ->> '$.what' IN ('passed', 'failed')
         ORDER BY x.key LIMIT 1) AS closed,
       l.doc ->> '$.checker' AS assignee_role,
       e.value ->> '$.id' AS cause, iif(l.doc ->> '$.covert', 5, 1) AS class
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
  CROSS JOIN json_each(l.doc, '$.events') e
 WHERE e.value ->> '$.what' = 'rectified'
