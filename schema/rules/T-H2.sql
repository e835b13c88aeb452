-- rule: T-H2
-- level: household
-- forms: hh.facts inspect.housing house.work assign.set
-- priority: 1
-- title-zh: D级危房:搬离并重建
-- title-en: Grade D house: move out and rebuild
WITH episode AS (
  SELECT c.subject, e.place, h.value ->> '$.bld' AS bld, h.value ->> '$.cycle' AS cycle,
         h.value ->> '$.found' AS found, h.value ->> '$.closed' AS closed,
         h.value ->> '$.cause' AS cause, param('campaign.housing.stop') AS stop
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.episodes') h
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE h.value ->> '$.grade' = 'D' AND h.value ->> '$.use' = 'resident' AND h.value ->> '$.sole'
     AND e.gone = ''),
planned AS (
  SELECT *, date(stop, '-10 days') AS accept,
         CAST(julianday(date(stop, '-10 days')) - julianday(found) AS INTEGER) AS span
    FROM episode)
SELECT subject AS root, subject, place, printf('b%02d', bld) AS part, cycle, found AS opened,
  max(found, min(date(found, '+1 day'), coalesce(stop, date(found, '+1 day')))) AS due, stop, closed,
  CASE WHEN stop IS NOT NULL THEN json_array(
    json_object('name', 'sign',
      'due', min(stop, max(date(found, '+1 day'), date(found, '+' || max(0, span * 10 / 100) || ' days')))),
    json_object('name', 'start',
      'due', min(stop, max(date(found, '+1 day'), date(found, '+' || max(0, span * 20 / 100) || ' days')))),
    json_object('name', 'main',
      'due', min(stop, max(date(found, '+1 day'), date(found, '+' || max(0, span * 75 / 100) || ' days')))),
    json_object('name', 'accept', 'due', min(stop, max(date(found, '+1 day'), accept)))) END AS milestones,
  coalesce(span < 45 OR found > stop, 0) AS unattainable, cause,
  coalesce((SELECT iif(a.cadre <> '', 'HL', NULL) FROM assignment a WHERE a.target = p.subject
    AND a.kind = 'cadre_household' AND today() BETWEEN a.from_day AND a.to_day
    ORDER BY a.from_day DESC, a.id LIMIT 1), 'VO') AS assignee_role,
  coalesce((SELECT a.cadre FROM assignment a WHERE a.target = p.subject
    AND a.kind = 'cadre_household' AND today() BETWEEN a.from_day AND a.to_day
    ORDER BY a.from_day DESC, a.id LIMIT 1),
   (SELECT v.id FROM entity v WHERE v.kind = 'cadre' AND v.place = p.place AND v.gone = ''
      AND v.doc ->> '$.role' = 'VO' AND v.doc ->> '$.active' ORDER BY v.id LIMIT 1)) AS assignee,
  'TW' AS verifier_role
  FROM planned p
