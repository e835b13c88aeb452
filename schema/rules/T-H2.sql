-- rule: T-H2
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- priority: 1
-- title-zh: D级危房:搬离并重建
-- title-en: Grade D house: move out and rebuild
-- Due is the day to have moved out. No record says that a family has: a contract signed for the
-- rebuilding does (`stage` 2), and from then on the next milestone is due, in the end the acceptance;
-- while the county has set no stop there are none, and no due day.
SELECT c.subject AS root, c.subject, e.place, printf('b%02d', h.value ->> '$.bld') AS part,
       h.value ->> '$.cycle' AS cycle, h.value ->> '$.found' AS opened,
       max(h.value ->> '$.found', CASE WHEN h.value ->> '$.stage' >= 2
         THEN h.value -> '$.milestones' ->> ('$[' || min(h.value ->> '$.stage' - 1, 3) || '].due')
         ELSE min(date(h.value ->> '$.found', '+1 day'), coalesce(param('campaign.housing.stop'), '9999')) END) AS due,
       param('campaign.housing.stop') AS stop, h.value ->> '$.closed' AS closed,
       nullif(h.value -> '$.milestones', 'null') AS milestones, h.value ->> '$.unattainable' AS unattainable,
       h.value ->> '$.cause' AS cause, 'HL' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
  CROSS JOIN json_each(l.doc, '$.episodes') h
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE h.value ->> '$.grade' = 'D' AND h.value ->> '$.use' = 'resident' AND h.value ->> '$.sole'
   AND e.gone = ''
