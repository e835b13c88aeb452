-- rule: T-L1
-- level: lead
-- forms: lead.report lead.step
-- opened-by: lead.report
-- title-zh: 线索办理
-- title-en: Deal with a lead
-- To be accepted within three days, and answered within twenty: counted from the report.
WITH step AS MATERIALIZED (
  SELECT c.subject, unsealed(s.body) ->> '$.data.step' AS step, hlc_day(s.hlc) AS day
    FROM changed c CROSS JOIN secret_record s ON s.subject = c.subject AND s.form = 'lead.step')
SELECT c.subject AS root, c.subject, substr(r.subject, 1, 12) AS place, w.part, hlc_day(r.hlc) AS opened,
       date(hlc_day(r.hlc), '+' || w.days || ' days') AS due,
       (SELECT min(s.day) FROM step s WHERE s.subject = c.subject AND (w.part = 'accept' OR s.step = 'replied'))
         AS closed, w.title_zh, w.title_en, 'DI' AS assignee_role, 'CO' AS verifier_role, 5 AS class
  FROM changed c CROSS JOIN secret_record r ON r.id = id_blob(c.subject) AND r.form = 'lead.report'
  CROSS JOIN (SELECT 'accept' AS part, 3 AS days, '受理线索' AS title_zh, 'Accept the lead' AS title_en
              UNION ALL SELECT 'reply', 20, '反馈线索办理结果', 'Answer the lead') w
