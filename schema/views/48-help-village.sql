-- view: help-village
-- level: village
-- forms: measure.plan
-- names: help.social
-- Social help for the village itself in this year; that for households is counted with them.
SELECT subject, 'help.social' AS name, subject AS place, sum(yuan) AS num, NULL AS den, '{}' AS doc
  FROM (
    SELECT c.subject, r.body ->> '$.data.yuan' AS yuan, row_number() OVER (
             PARTITION BY c.subject, r.body ->> '$.data.source', r.body ->> '$.data.text',
                          r.body ->> '$.data.due' ORDER BY r.hlc DESC, r.id DESC) AS k
      FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'measure.plan'
     WHERE r.body ->> '$.data.type' = 'social'
       AND r.body ->> '$.data.year' = CAST(substr(today(), 1, 4) AS INTEGER))
 WHERE k = 1 GROUP BY subject
