-- view: household
-- level: household
-- forms: hh.facts person.facts check.income
-- names: population poverty check.income check.education check.medical
-- The people of a household, and whether it is to be visited: `need` = counted visits a month
-- (poor, watch, care), `since` = the day on which the county knew it. {village}-00-0000, which stands
-- for buildings without an owner, is no household.
WITH members AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.poverty_status' AS status,
         count(p.id) AS persons, coalesce(max(json_array_length(unsealed(p.doc), '$.care')), 0) AS care
    FROM changed c
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
    LEFT JOIN entity p ON p.kind = 'person' AND p.id > c.subject || '-' AND p.id < c.subject || '.'
      AND p.gone = '' AND coalesce(p.doc ->> '$.status', 'current') = 'current'
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'
   GROUP BY c.subject),
known AS MATERIALIZED (
  SELECT m.*,
    CASE WHEN status = 'planned_exit' THEN coalesce(param('visit.month_count_planned_exit'), 2) + 0
         WHEN status IN ('not_exited', 'returned', 'exited') OR care > 0
         THEN coalesce(param('visit.month_count'), 1) + 0
         WHEN param('income_line_yuan') IS NOT NULL AND coalesce(status, 'none') = 'none' AND (
           SELECT (r.body ->> '$.data.wage') + (r.body ->> '$.data.business')
                + (r.body ->> '$.data.property') + (r.body ->> '$.data.transfer')
                - (r.body ->> '$.data.business_cost')
                < coalesce(param('watch.income_factor'), 1.5) * param('income_line_yuan')
                  * (r.body ->> '$.data.persons')
             FROM stored_record r WHERE r.subject = m.subject AND r.form = 'check.income'
              AND r.body ->> '$.data.signed' ORDER BY r.hlc DESC, r.id DESC LIMIT 1)
         THEN coalesce(param('visit.month_count'), 1) + 0
         ELSE 0 END AS need
  FROM members m)
SELECT subject, 'population' AS name, place, persons AS num, 1 AS den,
       iif(need, json_object('need', need, 'since', (
         SELECT hlc_day(r.hlc) FROM stored_record r
          WHERE r.subject = k.subject AND r.form = 'hh.facts' ORDER BY r.hlc LIMIT 1)), '{}') AS doc
  FROM known k
UNION ALL
SELECT subject, 'poverty', place, iif(status = 'exited', persons, 0), persons, '{}'
  FROM members WHERE status IN ('not_exited', 'planned_exit', 'returned', 'exited')
