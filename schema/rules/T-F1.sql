-- rule: T-F1
-- level: finding
-- forms: finding.report rectify.report verify.lookback
-- reads: finding.loop
-- priority: 2
-- title-zh: 问题整改
-- title-en: Rectify the finding
-- Runs until a check passes. A relapse does not open it again: that is T-F4. Of more time, T-F1 has
-- what was given before the first failure.
SELECT c.subject AS root, c.subject, l.doc ->> '$.place' AS place, l.doc ->> '$.day' AS opened,
       max(l.doc ->> '$.due', coalesce((
         SELECT max(x.value ->> '$.until') FROM json_each(l.doc, '$.events') x
          WHERE x.value ->> '$.what' = 'extended' AND NOT EXISTS (
            SELECT 1 FROM json_each(l.doc, '$.events') y
             WHERE y.key < x.key AND y.value ->> '$.what' IN ('failed', 'relapsed'))), '')) AS due,
       l.doc ->> '$.stop' AS stop,
       (SELECT min(x.value ->> '$.day') FROM json_each(l.doc, '$.events') x
         WHERE x.value ->> '$.what' = 'passed') AS closed,
       CASE WHEN EXISTS (SELECT 1 FROM json_each(l.doc, '$.events') x WHERE x.value ->> '$.what' = 'passed')
            THEN NULL ELSE l.doc ->> '$.state' END AS state,
       CASE l.doc ->> '$.severity' WHEN 'high' THEN 1 WHEN 'mid' THEN 2 ELSE 3 END AS priority,
       CASE l.doc ->> '$.unit_level' WHEN 'township' THEN 'TW' WHEN 'village' THEN 'VO' ELSE 'UN' END
         AS assignee_role,
       l.doc ->> '$.unit' AS assignee,
       l.doc ->> '$.checker' AS verifier_role,
       c.subject AS cause, iif(l.doc ->> '$.covert', 5, 1) AS class,
       iif(l.doc ->> '$.covert' AND l.doc ->> '$.told', l.doc ->> '$.unit', '') AS audience
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
