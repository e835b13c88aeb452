-- rule: T-H1
-- level: household
-- forms: hh.facts inspect.housing house.work
-- reads: house
-- title-zh: 重点对象现住房:危险性评定
-- title-en: Priority household: appraise the house
-- Opened on the day on which the household became a priority group, each time that it did; only the
-- first appraisal ends it, and then it stays ended, whatever becomes of the household.
WITH said AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, coalesce(json_array_length(r.body, '$.data.set.focus'), 0) > 0 AS focus
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'hh.facts'
   WHERE substr(c.subject, 14) <> '00-0000' AND mentions(r.body, 'focus')
     AND json_type(r.body, '$.data.set.focus') IS NOT NULL),
-- from when until when it was one
turn AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS cycle FROM (
    SELECT *, hlc_day(hlc) AS since,
           hlc_day(lead(hlc) OVER (PARTITION BY subject ORDER BY hlc, id)) AS until
      FROM (SELECT *, lag(focus, 1, 0) OVER (PARTITION BY subject ORDER BY hlc, id) AS before FROM said)
     WHERE focus <> before)
   WHERE focus)
SELECT t.subject AS root, t.subject, e.place, t.cycle, t.since AS opened, date(t.since, '+30 days') AS due,
       param('campaign.housing.stop') AS stop, l.doc ->> '$.first' AS closed, 'SI' AS assignee_role,
       'TW' AS verifier_role
  FROM turn t CROSS JOIN entity e ON e.kind = 'household' AND e.id = t.subject
  LEFT JOIN ledger l ON l.subject = t.subject AND l.view = 'house'
 WHERE CASE WHEN l.doc ->> '$.first' IS NOT NULL
            THEN l.doc ->> '$.first' >= t.since AND l.doc ->> '$.first' <= coalesce(t.until, '9999')
            ELSE t.until IS NULL AND e.gone = '' AND json_array_length(e.doc, '$.focus') > 0
                 AND coalesce(e.doc ->> '$.sole_home', 1) END
