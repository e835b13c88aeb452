-- rule: T-S1
-- level: household
-- forms: hh.facts
-- reads: hardship
-- priority: 1
-- title-zh: 吃穿有忧或突发变故:走访并帮扶
-- title-en: Food, clothing or a sudden event: visit and help
-- Three days to come with help; to say whether the household is to be listed, fifteen.
SELECT c.subject AS root, c.subject, substr(c.subject, 1, 12) AS place, x.value ->> '$.cycle' AS cycle,
       x.value ->> '$.opened' AS opened, date(x.value ->> '$.opened', '+3 days') AS due,
       x.value ->> '$.closed' AS closed, x.value ->> '$.cause' AS cause,
       json_array(json_object('name', 'identify', 'due', date(x.value ->> '$.opened', '+15 days')))
         AS milestones,
       'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'hardship'
  CROSS JOIN json_each(l.doc) x
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'
