-- rule: T-F4
-- level: finding
-- forms: finding.report rectify.report verify.lookback
-- reads: finding.loop
-- title-zh: 整改反弹:重新整改
-- title-en: Relapsed: rectify again
-- One for each failed check and each relapse, one step more urgent than the finding; runs until a
-- check passes.
SELECT c.subject AS root, c.subject, l.doc ->> '$.place' AS place,
       row_number() OVER (PARTITION BY c.subject ORDER BY e.key) AS cycle,
       e.value ->> '$.day' AS opened, max(date(e.value ->> '$.day', '+7 days'), coalesce((
         SELECT max(x.value ->> '$.until') FROM json_each(l.doc, '$.events') x
          WHERE x.key > e.key AND x.value ->> '$.what' = 'extended' AND NOT EXISTS (
            SELECT 1 FROM json_each(l.doc, '$.events') y WHERE y.key > e.key AND y.key < x.key
               AND y.value ->> '$.what' IN ('failed', 'relapsed'))), '')) AS due,
       l.doc ->> '$.stop' AS stop,
       (SELECT x.value ->> '$.day' FROM json_each(l.doc, '$.events') x
         WHERE x.key > e.key AND x.value ->> '$.what' = 'passed' ORDER BY x.key LIMIT 1) AS closed,
       CASE WHEN EXISTS (SELECT 1 FROM json_each(l.doc, '$.events') x
                          WHERE x.key > e.key AND x.value ->> '$.what' = 'passed') THEN NULL
            WHEN l.doc ->> '$.state' = 'reported' THEN 'reported' ELSE 'reopened' END AS state,
       CASE l.doc ->> '$.severity' WHEN 'low' THEN 2 ELSE 1 END AS priority,
       CASE l.doc ->> '$.unit_level' WHEN 'township' THEN 'TW' WHEN 'village' THEN 'VO' ELSE 'UN' END
         AS assignee_role,
       l.doc ->> '$.unit' AS assignee,
       l.doc ->> '$.checker' AS verifier_role,
       e.value ->> '$.id' AS cause, iif(l.doc ->> '$.covert', 5, 1) AS class,
       iif(l.doc ->> '$.covert' AND l.doc ->> '$.told', l.doc ->> '$.unit', '') AS audience
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
  CROSS JOIN json_each(l.doc, '$.events') e
 WHERE e.value ->> '$.what' IN ('failed', 'relapsed')
