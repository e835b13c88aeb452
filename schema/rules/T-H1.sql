-- rule: T-H1
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- title-zh: 重点对象现住房:危险性评定
-- title-en: Priority household: appraise the house
-- Opened on the day on which the household first became a priority group; only an appraisal ends it,
-- and then it stays ended, whatever becomes of the household.
WITH home AS MATERIALIZED (
  SELECT c.subject, e.place,
    e.gone = '' AND json_array_length(e.doc, '$.focus') > 0 AND coalesce(e.doc ->> '$.sole_home', 1)
      AS asked,
    (SELECT hlc_day(min(r.hlc)) FROM stored_record r
      WHERE r.subject = c.subject AND r.form = 'hh.facts' AND mentions(r.body, 'focus')
        AND json_array_length(r.body, '$.data.set.focus') > 0) AS since,
    (SELECT hlc_day(max(r.hlc)) FROM stored_record r
      WHERE r.subject = c.subject AND r.form = 'hh.facts' AND mentions(r.body, 'focus')
        AND json_type(r.body, '$.data.set.focus') IS NOT NULL
        AND coalesce(json_array_length(r.body, '$.data.set.focus'), 0) = 0) AS dropped,
    (SELECT l.doc ->> '$.first' FROM ledger l
      WHERE l.subject = c.subject AND l.view = 'house') AS first
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE substr(c.subject, 14) <> '00-0000')
SELECT subject AS root, subject, place, since AS opened, date(since, '+30 days') AS due,
       first AS closed, 'SI' AS assignee_role, 'TW' AS verifier_role
  FROM home
 WHERE since IS NOT NULL AND (first IS NULL OR first >= since)
   AND (asked OR (first IS NOT NULL AND (dropped IS NULL OR first <= dropped)))
