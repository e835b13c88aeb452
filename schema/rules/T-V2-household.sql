-- rule: T-V2
-- level: household
-- forms: hh.facts assign.set
-- reads: status
-- priority: 2
-- title-zh: 落实帮扶责任人
-- title-en: Assign a helper
-- A time without a helper in a time in which the household is to be helped: before the first
-- assignment, between two, after the last; ended when it is not to be helped any more. An assignment
-- counts from the day on which it was recorded.
WITH turn AS MATERIALIZED (
  SELECT c.subject, l.place, x.key AS n, x.value ->> '$.day' AS day, x.value ->> '$.need' > 0 AS need
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
    CROSS JOIN json_each(l.doc, '$.turns') x),
-- the times in which it is to be helped
home AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY n) AS k FROM (
    SELECT *, coalesce(lead(day) OVER (PARTITION BY subject ORDER BY n), '9999') AS until FROM (
      SELECT *, lag(need, 1, 0) OVER (PARTITION BY subject ORDER BY n) AS was FROM turn)
     WHERE need <> was)
   WHERE need),
held AS MATERIALIZED (
  SELECT h.subject, a.id, a.to_day, max(a.from_day, coalesce((
           SELECT hlc_day(min(r.hlc)) FROM fact_source f CROSS JOIN record r ON r.rec = f.rec
            WHERE f.kind = 'assignment' AND f.id = a.id AND r.outcome = 1), a.from_day)) AS from_day
    FROM home h CROSS JOIN assignment a ON a.target = h.subject
   WHERE h.k = 1 AND a.kind = 'cadre_household' AND a.from_day <= today()),
span AS MATERIALIZED (
  SELECT subject, from_day, row_number() OVER w AS n,
         max(to_day) OVER (PARTITION BY subject ORDER BY from_day, id
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended
    FROM held WINDOW w AS (PARTITION BY subject ORDER BY from_day, id)),
-- the times without a helper: an assignment without end leaves none after it
free AS MATERIALIZED (
  SELECT subject, n, iif(ended IS NULL, '', coalesce(date(ended, '+1 day'), '9999')) AS since,
         from_day AS until
    FROM span
  UNION ALL
  SELECT subject, 1 + count(*), date(max(to_day), '+1 day'), '9999'
    FROM held GROUP BY subject HAVING max(to_day) < today()
  UNION ALL
  SELECT subject, 1, '', '9999' FROM home WHERE k = 1 AND subject NOT IN (SELECT subject FROM held))
SELECT h.subject AS root, h.subject, h.place, h.k + o.n - 1 AS cycle, max(h.day, o.since) AS opened,
       date(max(h.day, o.since), '+3 days') AS due, nullif(min(h.until, o.until), '9999') AS closed,
       'TW' AS assignee_role, 'CO' AS verifier_role
  FROM home h CROSS JOIN free o ON o.subject = h.subject
 WHERE max(h.day, o.since) < min(h.until, o.until)
