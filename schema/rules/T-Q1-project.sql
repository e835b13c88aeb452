-- rule: T-Q1
-- level: project
-- forms: project.step register.cadre
-- reads: fault.project
-- title-zh: 核实数据
-- title-en: Check the data
-- As T-Q1-fault.sql, of projects: in the village where the project lies.
SELECT c.subject AS root, c.subject, e.place, x.value ->> '$.part' AS part, x.value ->> '$.cycle' AS cycle,
       x.value ->> '$.opened' AS opened, date(x.value ->> '$.opened', '+7 days') AS due,
       x.value ->> '$.closed' AS closed, x.value ->> '$.cause' AS cause,
       x.value ->> '$.zh' AS title_zh, x.value ->> '$.en' AS title_en, 'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'fault.project'
  CROSS JOIN json_each(l.doc) x
  CROSS JOIN entity e ON e.kind = 'project' AND e.id = c.subject
 WHERE e.gone = '' AND e.place <> ''
