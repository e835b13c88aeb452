-- rule: T-Q1
-- level: household
-- forms: *
-- title-zh: 核实数据:两人填报不一致
-- title-en: Check the data: two cadres disagree
-- A conflict of facts, or a household or member that nobody registered.
WITH about AS MATERIALIZED (
  SELECT c.subject AS root, e.kind, e.id, e.place, e.conflicts, e.registered
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND (e.conflicts <> '[]' OR e.registered = 0)
  UNION ALL
  SELECT c.subject, e.kind, e.id, e.place, e.conflicts, e.registered
    FROM changed c CROSS JOIN entity e
      ON e.kind = 'person' AND e.id > c.subject || '-' AND e.id < c.subject || '.'
   WHERE e.gone = '' AND (e.conflicts <> '[]' OR e.registered = 0)),
asked AS (
  SELECT root, kind, id, place, NULL AS part, NULL AS title_zh, NULL AS title_en, (
      SELECT min(date(substr(max(x.value ->> '$.winner.hlc', x.value ->> '$.loser.hlc'), 1, 19), '+8 hours'))
        FROM json_each(a.conflicts) x) AS opened
    FROM about a WHERE conflicts <> '[]'
  UNION ALL
  SELECT root, kind, id, place, 'reg', '补登记:未登记的户或成员', 'Register: household or member not known', (
      SELECT hlc_day(min(r.hlc)) FROM stored_record r WHERE r.subject = a.id)
    FROM about a WHERE registered = 0)
SELECT root, id AS subject, place, part, opened, date(opened, '+7 days') AS due, title_zh, title_en,
       'HL' AS assignee_role, 'TW' AS verifier_role, iif(kind = 'person', 2, 1) AS class
  FROM asked WHERE opened IS NOT NULL
