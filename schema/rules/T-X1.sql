-- rule: T-X1
-- level: household
-- forms: hh.facts
-- reads: status gap.income gap.food gap.medical gap.education house water
-- title-zh: 拟脱贫户短板:补齐
-- title-en: To exit this year, with a gap: close it
-- While the household is to exit this year and any check has a gap: by the days of the records that
-- opened and closed the gaps. Due on stop.exit; while the county has not set it, on no day.
WITH plan AS MATERIALIZED (
  SELECT c.subject, l.place, x.value ->> '$.day' AS day, x.value ->> '$.status' AS status,
         coalesce((SELECT min(y.value ->> '$.day') FROM json_each(l.doc, '$.turns') y
                    WHERE y.key > x.key AND y.value ->> '$.status' <> 'planned_exit'), '9999') AS until
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
     AND instr(l.doc, 'planned_exit') > 0
    CROSS JOIN json_each(l.doc, '$.turns') x
   WHERE x.value ->> '$.status' = 'planned_exit'),
home AS MATERIALIZED (SELECT subject FROM plan GROUP BY subject),
fault AS MATERIALIZED (
  SELECT h.subject, x.value ->> '$.from' AS day, coalesce(x.value ->> '$.to', '9999') AS until
    FROM home h CROSS JOIN ledger l ON l.subject = h.subject
     AND l.view IN ('gap.income', 'gap.food', 'gap.medical', 'gap.education')
    CROSS JOIN json_each(l.doc) x
  UNION ALL
  SELECT h.subject, x.value ->> '$.found', coalesce(x.value ->> '$.closed', '9999')
    FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.episodes') x
   WHERE x.value ->> '$.use' = 'resident'
  UNION ALL
  SELECT h.subject, x.value ->> '$.from', coalesce(x.value ->> '$.to', '9999')
    FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.doubts') x
   WHERE NOT x.value ->> '$.focus'
  UNION ALL
  -- found safe by others than the authority (`waits`), it is no gap as long: before each and after the last
  SELECT h.subject, iif(y.key = 0, x.value ->> '$.found', x.value ->> ('$.waits[' || (y.key - 1) || '].to')),
         coalesce(y.value ->> '$.from', x.value ->> '$.closed', '9999')
    FROM home h CROSS JOIN ledger l ON l.subject = h.subject AND l.view = 'water'
    CROSS JOIN json_each(l.doc) x CROSS JOIN json_each(json_insert(x.value -> '$.waits', '$[#]', json('{}'))) y),
-- inside the time of the plan
part AS MATERIALIZED (
  SELECT p.subject, p.place, max(p.day, f.day) AS day, min(p.until, f.until) AS until
    FROM plan p CROSS JOIN fault f ON f.subject = p.subject
   WHERE max(p.day, f.day) < min(p.until, f.until)),
-- what overlaps or meets is one task
joined AS MATERIALIZED (
  SELECT *, sum(fresh) OVER (PARTITION BY subject ORDER BY day, until) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY subject ORDER BY day, until
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh FROM part))
SELECT subject AS root, subject, place, cycle, min(day) AS opened,
       max(min(day), param('stop.exit')) AS due,
       param('stop.exit') AS stop, nullif(max(until), '9999') AS closed,
       'HL' AS assignee_role, 'TW' AS verifier_role
  FROM joined GROUP BY subject, cycle
