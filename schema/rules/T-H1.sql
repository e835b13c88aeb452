-- rule: T-H1
-- level: household
-- forms: hh.facts inspect.housing house.work
-- title-zh: 重点对象现住房:危险性评定
-- title-en: Priority household: appraise the house
-- Opened on the day on which the household first became a priority group; only an appraisal ends it.
WITH home AS MATERIALIZED (
  SELECT c.subject, e.place,
    (SELECT hlc_day(min(r.hlc)) FROM stored_record r
      WHERE r.subject = c.subject AND r.form = 'hh.facts'
        AND json_array_length(r.body, '$.data.set.focus') > 0) AS since,
    (SELECT l.doc ->> '$.first' FROM ledger l
      WHERE l.subject = c.subject AND l.view = 'house') AS first
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND json_array_length(e.doc, '$.focus') > 0
     AND coalesce(e.doc ->> '$.sole_home', 1))
SELECT subject AS root, subject, place, since AS opened, date(since, '+30 days') AS due,
       first AS closed, 'SI' AS assignee_role, 'TW' AS verifier_role
  FROM home WHERE since IS NOT NULL AND (first IS NULL OR first > since)
