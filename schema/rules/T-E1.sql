-- rule: T-E1
-- level: household
-- forms: hh.facts inspect.env
-- reads: env.false
-- priority: 4
-- title-zh: 户环境整治
-- title-en: Clean up the home
SELECT c.subject AS root, c.subject, e.place, h.value ->> '$.cycle' AS cycle,
       h.value ->> '$.found' AS opened, date(h.value ->> '$.found', '+15 days') AS due,
       param('campaign.environment.stop') AS stop, h.value ->> '$.closed' AS closed, h.value ->> '$.cause' AS cause,
       '户环境整治:' || (h.value ->> '$.zh') AS title_zh, 'Clean up the home: ' || (h.value ->> '$.en') AS title_en,
       'HL' AS assignee_role, 'VO' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'env.false'
  CROSS JOIN json_each(l.doc) h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = ''
