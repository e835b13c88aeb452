-- rule: T-W1
-- level: household
-- forms: hh.facts person.facts inspect.water
-- reads: water
-- priority: 2
-- title-zh: 饮水不安全:解决并复评
-- title-en: Unsafe water: solve and evaluate again
SELECT c.subject AS root, c.subject, e.place, w.value ->> '$.cycle' AS cycle,
       w.value ->> '$.found' AS opened, date(w.value ->> '$.found', '+30 days') AS due,
       param('campaign.water.stop') AS stop, w.value ->> '$.closed' AS closed, w.value ->> '$.cause' AS cause,
       'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'water'
  CROSS JOIN json_each(l.doc) w
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = ''
