-- view: visit
-- level: household
-- forms: visit.household
-- reads: status
-- names: visit
-- Counted visits of each month that wants some: as many as were needed when it began, or when the
-- need first came in it; none while the county has not said how many, or how short one may be. A
-- month is closed by the last of them, in it or after it. doc: [{"month", "need", "n", "closed"}].
WITH RECURSIVE
turn AS MATERIALIZED (
  SELECT c.subject, l.place, x.key AS n, x.value ->> '$.day' AS day,
         iif(param('visit.counted_min') IS NULL
               OR iif(x.value ->> '$.status' = 'planned_exit', param('visit.month_count_planned_exit'),
                      param('visit.month_count')) IS NULL, 0, x.value ->> '$.need') AS need
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
    CROSS JOIN json_each(l.doc, '$.turns') x),
counted AS MATERIALIZED (
  SELECT t.subject, date(upper(r.body ->> '$.data.start'), '+8 hours') AS day,
         row_number() OVER (PARTITION BY t.subject
           ORDER BY julianday(upper(r.body ->> '$.data.start')), r.hlc, r.id) AS k
    FROM (SELECT subject FROM turn GROUP BY subject) t
    CROSS JOIN stored_record r ON r.subject = t.subject AND r.form = 'visit.household'
   WHERE r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.met' <> 'none'
     AND unixepoch(upper(r.body ->> '$.data.end')) - unixepoch(upper(r.body ->> '$.data.start'))
         >= param('visit.counted_min') * 60),
month(subject, place, first) AS (
  SELECT subject, place, date(min(day), 'start of month') FROM turn WHERE need > 0 GROUP BY subject
  UNION ALL
  SELECT subject, place, date(first, '+1 month') FROM month WHERE date(first, '+1 month') <= today()),
asked AS MATERIALIZED (
  SELECT m.subject, m.place, m.first, coalesce(
           (SELECT nullif(t.need, 0) FROM turn t WHERE t.subject = m.subject AND t.day <= m.first
             ORDER BY t.n DESC LIMIT 1),
           (SELECT t.need FROM turn t WHERE t.subject = m.subject AND t.need > 0 AND t.day > m.first
               AND t.day < date(m.first, '+1 month') ORDER BY t.n LIMIT 1)) AS need
    FROM month m),
told AS MATERIALIZED (
  SELECT a.subject, a.place, a.first, a.need,
         (SELECT v.day FROM counted v WHERE v.subject = a.subject AND v.k = a.need + (
             SELECT count(*) FROM counted b WHERE b.subject = a.subject AND b.day < a.first)) AS closed,
         (SELECT count(*) FROM counted v WHERE v.subject = a.subject AND v.day >= a.first
             AND v.day < date(a.first, '+1 month')) AS n
    FROM asked a WHERE a.need)
SELECT subject, 'visit' AS name, iif(max(first) = date(today(), 'start of month'), place, NULL) AS place,
       sum(first = date(today(), 'start of month') AND closed IS NOT NULL) AS num, 1 AS den,
       (SELECT json_group_array(json_object('month', substr(first, 1, 7), 'need', need, 'n', n,
                                            'closed', closed))
          FROM (SELECT * FROM told t WHERE t.subject = d.subject ORDER BY t.first)) AS doc
  FROM told d GROUP BY subject
