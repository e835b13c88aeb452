-- view: food
-- level: household
-- forms: hh.facts person.facts exit.step visit.household
-- names: check.food check.clothing
-- keeps: at.food at.clothing
-- Food and clothing by the newest visit in person, by the day and time at which the visits began.
WITH seen AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, julianday(upper(r.body ->> '$.data.start')) AS start,
         date(upper(r.body ->> '$.data.start'), '+8 hours') AS day,
         r.body ->> '$.data.food_ok' AS food, r.body ->> '$.data.clothing_ok' AS clothing
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'visit.household'
   WHERE r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.met' <> 'none'),
instant AS MATERIALIZED (
  SELECT subject, '' AS key, today() AS day, 9223372036854775807 AS hlc FROM seen GROUP BY subject
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.day', i.value ->> '$.hlc'
    FROM (SELECT subject FROM seen GROUP BY subject) s
    CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
state AS MATERIALIZED (
  SELECT *, day < date(asked, '-' || coalesce(param('check.food_clothing_days'), 90) || ' days') AS old
    FROM (
      SELECT s.*, i.key, i.day AS asked, row_number() OVER (PARTITION BY s.subject, i.key
               ORDER BY s.start DESC, s.hlc DESC, s.id DESC) AS k
        FROM instant i CROSS JOIN seen s ON s.subject = i.subject AND s.hlc <= i.hlc)
   WHERE k = 1),
told AS MATERIALIZED (
  SELECT subject, key, day, 'food' AS what, food AS fine, old FROM state WHERE food IS NOT NULL
  UNION ALL
  SELECT subject, key, day, 'clothing', clothing, old FROM state WHERE clothing IS NOT NULL)
SELECT subject, 'check.' || what AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', CASE WHEN old THEN 'stale' WHEN fine THEN 'ok' ELSE 'gap' END, 'day', day)
         AS doc
  FROM told WHERE key = ''
UNION ALL
SELECT subject, 'at.' || what, NULL, NULL, NULL,
       json_group_object(key, CASE WHEN old THEN 'stale' WHEN fine THEN 'ok' ELSE 'gap' END)
  FROM (SELECT * FROM told WHERE key <> '' ORDER BY subject, what, key) GROUP BY subject, what
