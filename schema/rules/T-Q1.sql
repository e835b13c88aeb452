-- rule: T-Q1
-- level: household
-- forms: *
-- title-zh: 核实数据:两人填报不一致
-- title-en: Check the data: two cadres disagree
-- A conflict of facts; a household or member that nobody registered; a stage of a house's works that
-- has no effect before an earlier one is there, by building; visits in a month that were recorded far
-- from the village, until one is recorded near it. A degree is 111.2 km to the north and, at the
-- county's latitude, 95.9 km to the east.
WITH about AS MATERIALIZED (
  SELECT c.subject AS root, e.kind, e.id, e.place, e.conflicts, e.registered
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND (e.conflicts <> '[]' OR e.registered = 0)
  UNION ALL
  SELECT c.subject, e.kind, e.id, e.place, e.conflicts, e.registered
    FROM changed c CROSS JOIN entity e
      ON e.kind = 'person' AND e.id > c.subject || '-' AND e.id < c.subject || '.'
   WHERE e.gone = '' AND (e.conflicts <> '[]' OR e.registered = 0)),
visit AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day,
         111.2 * 111.2 * ((r.body ->> '$.gps.lat') - (v.doc ->> '$.lat')) * ((r.body ->> '$.gps.lat') - (v.doc ->> '$.lat'))
         + 95.9 * 95.9 * ((r.body ->> '$.gps.lng') - (v.doc ->> '$.lng')) * ((r.body ->> '$.gps.lng') - (v.doc ->> '$.lng'))
         > param('visit.far_km') * param('visit.far_km') AS far
    FROM changed c CROSS JOIN entity v
      ON v.kind = 'division' AND v.id = substr(c.subject, 1, 12) AND v.doc ->> '$.lat' IS NOT NULL
    CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'visit.household'
   WHERE r.body ->> '$.data.mode' = 'in_person'),
asked AS (
  SELECT root, kind, id, place, NULL AS part, 1 AS cycle, NULL AS title_zh, NULL AS title_en, (
      SELECT min(date(substr(max(x.value ->> '$.winner.hlc', x.value ->> '$.loser.hlc'), 1, 19), '+8 hours'))
        FROM json_each(a.conflicts) x) AS opened, NULL AS closed, NULL AS cause
    FROM about a WHERE conflicts <> '[]'
  UNION ALL
  SELECT root, kind, id, place, 'reg', 1, '补登记:未登记的户或成员', 'Register: household or member not known', (
      SELECT hlc_day(min(r.hlc)) FROM stored_record r WHERE r.subject = a.id), NULL, NULL
    FROM about a WHERE registered = 0 AND substr(id, 14) <> '00-0000'
  UNION ALL
  SELECT c.subject, 'household', c.subject, substr(c.subject, 1, 12),
         printf('b%02d', x.value ->> '$.bld'), x.value ->> '$.cycle',
         '核实数据:危房改造缺少前一环节', 'Check the data: an earlier stage of the works is missing',
         x.value ->> '$.opened', x.value ->> '$.closed', x.value ->> '$.cause'
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.holes') x
  UNION ALL
  SELECT subject, 'household', subject, substr(subject, 1, 12), NULL, substr(day, 1, 7),
         '核实数据:走访定位远离本村', 'Check the data: the visit was recorded far from the village',
         min(day), (SELECT min(n.day) FROM visit n
                     WHERE n.subject = f.subject AND NOT n.far AND n.hlc > max(f.hlc)), NULL
    FROM visit f WHERE far GROUP BY subject, substr(day, 1, 7))
SELECT root, id AS subject, place, part, cycle, opened, date(opened, '+7 days') AS due, closed, cause,
       title_zh, title_en, 'HL' AS assignee_role, 'TW' AS verifier_role,
       iif(kind = 'person', 2, 1) AS class
  FROM asked WHERE opened IS NOT NULL
