-- rule: T-H2
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- priority: 1
-- title-zh: D级危房:搬离并重建
-- title-en: Grade D house: move out and rebuild
-- Due is the day to have moved out; the milestones are those of the rebuilding.
SELECT c.subject AS root, c.subject, e.place, printf('b%02d', h.value ->> '$.bld') AS part,
       h.value ->> '$.cycle' AS cycle, h.value ->> '$.found' AS opened,
       min(date(h.value ->> '$.found', '+1 day'),
           coalesce(max(param('campaign.housing.stop'), h.value ->> '$.found'), '9999')) AS due,
       param('campaign.housing.stop') AS stop, h.value ->> '$.closed' AS closed,
       h.value -> '$.milestones' AS milestones, h.value ->> '$.unattainable' AS unattainable,
       h.value ->> '$.cause' AS cause, 'HL' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
  CROSS JOIN json_each(l.doc, '$.episodes') h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE h.value ->> '$.grade' = 'D' AND h.value ->> '$.use' = 'resident' AND h.value ->> '$.sole'
   AND e.gone = ''
