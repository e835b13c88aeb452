-- rule: T-Q1
-- level: lead
-- forms: lead.step
-- opened-by: lead.report
-- title-zh: 核实数据:未查实即曝光
-- title-en: Check the data: exposed before it was found true
-- A lead is exposed only after it was found true: until then the step has no effect. As all about leads,
-- for discipline only.
WITH step AS MATERIALIZED (
  SELECT c.subject, unsealed(s.body) ->> '$.data.step' AS step, s.hlc, s.id
    FROM changed c CROSS JOIN secret_record s ON s.subject = c.subject AND s.form = 'lead.step')
SELECT x.subject AS root, x.subject, substr(r.subject, 1, 12) AS place, 'exposed' AS part,
       row_number() OVER (PARTITION BY x.subject ORDER BY x.hlc, x.id) AS cycle,
       hlc_day(x.hlc) AS opened, date(hlc_day(x.hlc), '+7 days') AS due,
       (SELECT min(hlc_day(y.hlc)) FROM step y WHERE y.subject = x.subject AND y.step = 'true') AS closed,
       id_text(x.id) AS cause, 'DI' AS assignee_role, 'CO' AS verifier_role, 5 AS class
  FROM step x CROSS JOIN secret_record r ON r.id = id_blob(x.subject) AND r.form = 'lead.report'
 WHERE x.step = 'exposed'
   AND NOT EXISTS (SELECT 1 FROM step y WHERE y.subject = x.subject AND y.step = 'true' AND y.hlc < x.hlc)
