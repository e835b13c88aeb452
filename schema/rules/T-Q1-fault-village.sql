-- rule: T-Q1
-- level: village
-- forms: register.division village.survey inspect.env_village exit.step
-- reads: fault.env fault.exit fault.survey fault.village
-- title-zh: 核实数据
-- title-en: Check the data
-- As T-Q1-fault.sql, of villages.
SELECT c.subject AS root, c.subject, c.subject AS place,
       x.value ->> '$.part' AS part, x.value ->> '$.cycle' AS cycle, x.value ->> '$.opened' AS opened,
       date(x.value ->> '$.opened', '+7 days') AS due, x.value ->> '$.closed' AS closed,
       x.value ->> '$.cause' AS cause, x.value ->> '$.zh' AS title_zh, x.value ->> '$.en' AS title_en,
       'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l
    ON l.subject = c.subject AND l.view > 'fault.' AND l.view < 'fault/'
  CROSS JOIN json_each(l.doc) x
