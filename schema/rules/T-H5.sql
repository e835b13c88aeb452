-- rule: T-H5
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- title-zh: 疑似危房:危险性评定
-- title-en: Suspected dangerous house: appraise it
-- Of a household that was in no priority group when the suspicion came: those wait for T-H1. Ended when
-- every building suspected was appraised, or is demolished.
SELECT c.subject AS root, c.subject, e.place, h.value ->> '$.cycle' AS cycle,
       h.value ->> '$.found' AS opened, date(h.value ->> '$.found', '+15 days') AS due,
       param('campaign.housing.stop') AS stop, h.value ->> '$.closed' AS closed, h.value ->> '$.cause' AS cause,
       'SI' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
  CROSS JOIN json_each(l.doc, '$.suspected') h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000' AND NOT coalesce(h.value ->> '$.focus', 0)
