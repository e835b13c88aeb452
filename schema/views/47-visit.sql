-- view: visit
-- level: household
-- forms: hh.facts person.facts check.income visit.household
-- names: visit
-- Counted visits of this and the last month where visits are due, and of earlier months that had
-- enough of them.
WITH due AS MATERIALIZED (
  SELECT c.subject, l.place, l.doc ->> '$.need' AS need, l.doc ->> '$.since' AS since
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
   WHERE l.doc ->> '$.need'),
counted AS MATERIALIZED (
  SELECT subject, month, day, row_number() OVER (PARTITION BY subject, month ORDER BY start) AS k
    FROM (
      SELECT d.subject, julianday(upper(r.body ->> '$.data.start')) AS start,
             date(upper(r.body ->> '$.data.start'), '+8 hours') AS day,
             substr(date(upper(r.body ->> '$.data.start'), '+8 hours'), 1, 7) AS month
        FROM due d CROSS JOIN stored_record r
       WHERE r.subject = d.subject AND r.form = 'visit.household'
         AND r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.met' <> 'none'
         AND unixepoch(upper(r.body ->> '$.data.end')) - unixepoch(upper(r.body ->> '$.data.start'))
             >= coalesce(param('visit.counted_min'), 20) * 60)),
month AS MATERIALIZED (
  SELECT d.*, m.month FROM due d CROSS JOIN (
      SELECT substr(today(), 1, 7) AS month
      UNION ALL SELECT substr(date(today(), 'start of month', '-1 day'), 1, 7)) m
   WHERE substr(d.since, 1, 7) <= m.month
  UNION
  SELECT d.*, v.month FROM due d CROSS JOIN counted v ON v.subject = d.subject
   WHERE v.k = d.need AND v.month BETWEEN substr(d.since, 1, 7) AND substr(today(), 1, 7)),
told AS MATERIALIZED (
  SELECT m.*, (SELECT v.day FROM counted v
                WHERE v.subject = m.subject AND v.month = m.month AND v.k = m.need) AS closed,
         (SELECT count(*) FROM counted v WHERE v.subject = m.subject AND v.month = m.month) AS n
    FROM month m)
SELECT subject, 'visit' AS name, place, sum(month = substr(today(), 1, 7) AND closed IS NOT NULL) AS num,
       1 AS den,
       (SELECT json_group_array(json_object('month', month, 'n', n, 'closed', closed))
          FROM (SELECT * FROM told t WHERE t.subject = d.subject ORDER BY t.month)) AS doc
  FROM told d GROUP BY subject
