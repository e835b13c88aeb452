-- view: members
-- level: household
-- forms: hh.facts person.facts exit.step
-- names: population
-- keeps: members instants
-- `members`: everybody who belongs or belonged to the household, as [{"id", "birth", "since", "left",
-- "relocated", "care", "cared", "uninsured", "imported"}]: since and left are stamps (hlc), left is null while a
-- person belongs to it; cared, uninsured: once was (their histories are worth reading). Members at a
-- stamp t are those with coalesce(since, 0) <= t and coalesce(left, t + 1) > t. Read it through
-- unsealed(). `instants`: the stamps at which the checks are asked for besides now, as [{"key", "day",
-- "hlc"}]: each mark of an exit (key = record id), of a poor household the ends of the last two
-- quarters (q1 the newer). {village}-00-0000, which stands for buildings without an owner, is no
-- household.
WITH quarter(key, day) AS MATERIALIZED (
  SELECT 'q1', date(today(), 'start of month',
                    '-' || ((strftime('%m', today()) - 1) % 3) || ' months', '-1 day')
  UNION ALL
  SELECT 'q2', date(today(), 'start of month',
                    '-' || ((strftime('%m', today()) - 1) % 3 + 3) || ' months', '-1 day')),
home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.poverty_status' AS status
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'),
entry AS MATERIALIZED (
  SELECT h.subject, p.id, unsealed(p.doc) AS doc,
         coalesce(p.doc ->> '$.status', 'current') = 'left' AS gone
    FROM home h CROSS JOIN entity p
      ON p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.'
   WHERE p.gone = ''),
told AS MATERIALIZED (
  SELECT n.id, min(r.hlc) AS since, max(iif(r.body ->> '$.data.op' = 'leave', r.hlc, NULL)) AS leave,
         max(json_array_length(unsealed(r.body), '$.data.set.care') > 0) AS cared,
         max(r.body ->> '$.data.set.insured' = 0) AS uninsured, max(r.author = 'zoufang') AS imported
    FROM entry n CROSS JOIN stored_record r ON r.subject = n.id AND r.form = 'person.facts'
   GROUP BY n.id),
person AS MATERIALIZED (
  SELECT n.subject, n.id, n.doc, t.since, CASE WHEN n.gone THEN coalesce(t.leave, 0) END AS gone,
         t.cared, t.uninsured, t.imported
    FROM entry n LEFT JOIN told t ON t.id = n.id),
asked AS MATERIALIZED (
  SELECT h.subject, id_text(r.id) AS key, hlc_day(r.hlc) AS day, r.hlc
    FROM home h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'exit.step'
   WHERE r.body ->> '$.data.step' = 'mark'
  UNION ALL
  SELECT h.subject, q.key, q.day, (((unixepoch(q.day, '+1 day') - 28800) * 1000) << 16) - 1
    FROM home h CROSS JOIN quarter q WHERE h.status IN ('not_exited', 'planned_exit', 'returned'))
SELECT h.subject, 'population' AS name, h.place,
       (SELECT count(*) FROM person m WHERE m.subject = h.subject AND m.gone IS NULL)
         AS num, 1 AS den,
       '{}' AS doc
  FROM home h
UNION ALL
SELECT h.subject, 'members', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('id', id, 'birth', doc ->> '$.birth', 'since', since,
                 'left', gone, 'relocated', iif(doc ->> '$.relocated', 1, 0),
                 'care', iif(json_array_length(doc, '$.care') > 0, 1, 0),
                 'cared', coalesce(cared, 0), 'uninsured', coalesce(uninsured, 0),
                 'imported', coalesce(imported, 0)))
          FROM (SELECT * FROM person x WHERE x.subject = h.subject ORDER BY x.id))
  FROM home h WHERE h.subject IN (SELECT subject FROM person)
UNION ALL
SELECT a.subject, 'instants', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('key', key, 'day', day, 'hlc', hlc))
          FROM (SELECT * FROM asked b WHERE b.subject = a.subject ORDER BY b.hlc, b.key))
  FROM asked a GROUP BY a.subject
