-- view: exit
-- level: household
-- forms: hh.facts person.facts check.income
-- names: poverty
-- keeps: status
-- `status`: what a household counts as, {"status", "need", "since", "watch", "exit_year", "marked"}:
-- `need` = counted visits a month (poor, watch, care; 0 = none), `since` = the day on which the county
-- knew it.
WITH home AS MATERIALIZED (
  SELECT c.subject, l.place, l.num AS persons, coalesce(e.doc ->> '$.poverty_status', 'none') AS status,
         e.doc ->> '$.exit_year' AS exit_year,
         (SELECT max(m.value ->> '$.care' AND m.value ->> '$.left' IS NULL)
            FROM ledger w, json_each(w.doc) m
           WHERE w.subject = c.subject AND w.view = 'members') AS care
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'population'
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject),
known AS MATERIALIZED (
  SELECT h.*, CASE WHEN status = 'exited' THEN 1 ELSE (
           SELECT (r.body ->> '$.data.wage') + (r.body ->> '$.data.business')
                + (r.body ->> '$.data.property') + (r.body ->> '$.data.transfer')
                - (r.body ->> '$.data.business_cost')
                < coalesce(param('watch.income_factor'), 1.5) * param('income_line_yuan')
                  * (r.body ->> '$.data.persons')
             FROM stored_record r WHERE r.subject = h.subject AND r.form = 'check.income'
              AND r.body ->> '$.data.signed' ORDER BY r.hlc DESC, r.id DESC LIMIT 1) END AS watch
    FROM home h),
due AS MATERIALIZED (
  SELECT k.*,
    CASE WHEN status = 'planned_exit' THEN coalesce(param('visit.month_count_planned_exit'), 2) + 0
         WHEN status IN ('not_exited', 'returned') OR care OR watch
         THEN coalesce(param('visit.month_count'), 1) + 0
         ELSE 0 END AS need
  FROM known k)
SELECT subject, 'status' AS name, place, NULL AS num, NULL AS den,
       json_object('status', status, 'need', need, 'since', CASE WHEN need THEN (
           SELECT hlc_day(r.hlc) FROM stored_record r
            WHERE r.subject = d.subject AND r.form = 'hh.facts' ORDER BY r.hlc LIMIT 1) END,
         'watch', watch, 'exit_year', exit_year, 'marked', NULL) AS doc
  FROM due d
UNION ALL
SELECT subject, 'poverty', place, iif(status = 'exited', persons, 0), persons, '{}'
  FROM due WHERE status IN ('not_exited', 'planned_exit', 'returned', 'exited')
