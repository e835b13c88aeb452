-- rule: T-V2
-- level: household
-- forms: hh.facts assign.set
-- reads: status
-- priority: 2
-- title-zh: 落实帮扶责任人
-- title-en: Assign a helper
-- A gap in the assignments of a household that is to be helped: before the first one, between two,
-- after the last; ended when it is not to be helped any more. An assignment counts from the day on
-- which it was recorded.
WITH turn AS MATERIALIZED (
  SELECT c.subject, l.place, x.key AS n, x.value ->> '$.day' AS day, x.value ->> '$.need' AS need
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
    CROSS JOIN json_each(l.doc, '$.turns') x),
home AS MATERIALIZED (
  SELECT subject, place, min(iif(need > 0, day, NULL)) AS since,
         CASE WHEN max(iif(need > 0, n, -1)) < max(n) THEN max(day) END AS ended
    FROM turn GROUP BY subject),
held AS MATERIALIZED (
  SELECT h.subject, a.id, a.to_day, max(a.from_day, coalesce((
           SELECT hlc_day(min(r.hlc)) FROM fact_source f CROSS JOIN record r ON r.rec = f.rec
            WHERE f.kind = 'assignment' AND f.id = a.id AND r.outcome = 1), a.from_day)) AS from_day
    FROM home h CROSS JOIN assignment a ON a.target = h.subject
   WHERE a.kind = 'cadre_household' AND a.from_day <= today()),
span AS MATERIALIZED (
  SELECT subject, from_day, row_number() OVER w AS n,
         max(to_day) OVER (PARTITION BY subject ORDER BY from_day, id
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended
    FROM held WINDOW w AS (PARTITION BY subject ORDER BY from_day, id)),
gap AS (
  SELECT h.subject, h.place, t.n AS cycle, max(h.since, coalesce(date(t.ended, '+1 day'), h.since)) AS opened,
         min(t.from_day, coalesce(h.ended, t.from_day)) AS closed
    FROM home h CROSS JOIN span t ON t.subject = h.subject
  UNION ALL
  SELECT h.subject, h.place, 1 + (SELECT count(*) FROM held x WHERE x.subject = h.subject),
         max(h.since, coalesce((SELECT date(max(x.to_day), '+1 day') FROM held x
                                 WHERE x.subject = h.subject AND x.to_day < '9999'), h.since)), h.ended
    FROM home h WHERE NOT EXISTS (
      SELECT 1 FROM held x WHERE x.subject = h.subject AND x.to_day >= today()))
SELECT subject AS root, subject, place, cycle, opened, date(opened, '+3 days') AS due, closed,
       'TW' AS assignee_role, 'CO' AS verifier_role
  FROM gap WHERE closed IS NULL OR closed > opened
