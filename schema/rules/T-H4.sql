-- rule: T-H4
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- title-zh: 闲置危旧房、废弃附房、零星建筑:拆除
-- title-en: Idle dangerous house, annex, scattered building: demolish
-- Due on stop.demolish; while the county has not set it, on no day. A building without an owner
-- ({village}-00-0000) is the village's.
SELECT c.subject AS root, c.subject, e.place, printf('b%02d', h.value ->> '$.bld') AS part,
       h.value ->> '$.cycle' AS cycle, h.value ->> '$.found' AS opened,
       max(h.value ->> '$.found', param('stop.demolish')) AS due,
       param('stop.demolish') AS stop, h.value ->> '$.closed' AS closed,
       coalesce(h.value ->> '$.found' > param('stop.demolish'), 0) AS unattainable,
       h.value ->> '$.cause' AS cause, 'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
  CROSS JOIN json_each(l.doc, '$.demolish') h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = ''
