-- rule: T-H3
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- priority: 2
-- title-zh: C级危房:修缮加固
-- title-en: Grade C house: repair
-- Due is the last milestone, the acceptance; while the county has set no stop, no day.
SELECT c.subject AS root, c.subject, e.place, printf('b%02d', h.value ->> '$.bld') AS part,
       h.value ->> '$.cycle' AS cycle, h.value ->> '$.found' AS opened,
       max(h.value ->> '$.found', h.value ->> '$.milestones[3].due') AS due,
       param('campaign.housing.stop') AS stop, h.value ->> '$.closed' AS closed,
       nullif(h.value -> '$.milestones', 'null') AS milestones, h.value ->> '$.unattainable' AS unattainable,
       h.value ->> '$.cause' AS cause, 'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
  CROSS JOIN json_each(l.doc, '$.episodes') h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE h.value ->> '$.grade' = 'C' AND h.value ->> '$.use' = 'resident' AND h.value ->> '$.sole'
   AND e.gone = ''
