-- view: help
-- level: household
-- forms: hh.facts person.facts visit.household measure.plan need.job
-- reads: status
-- names: chain.park chain.leading_firm chain.coop chain.big_farmer chain.self help.plan help.done help.social public_post.cleaning public_post.greening public_post.security public_post.forest public_post.road public_post.water
-- keeps: job fault.help
-- Measures for the household and its members in this year; the newest record of a measure (year, type,
-- chain, source, text, due) counts. One that is done has effect once the household signed a visit in
-- person, not after the day done and in the measure's year, that names a measure of that type. Households are counted once
-- in each chain; holders of public posts by their newest need.job, while they still work in one.
-- `job`: {"person", …} of those able to work, without work, who want it: from the record that says so
-- to the first record after it that says otherwise. Outside of the working age need.job has no effect.
WITH people AS MATERIALIZED (
  SELECT c.subject, p.id AS about, r.form, r.hlc, r.id, r.body -> '$.data' AS data
    FROM changed c CROSS JOIN entity p
      ON p.kind = 'person' AND p.id > c.subject || '-' AND p.id < c.subject || '.'
    CROSS JOIN stored_record r ON r.subject = p.id AND r.form IN ('need.job', 'measure.plan')),
said AS MATERIALIZED (
  SELECT subject, about, hlc, id, data FROM people WHERE form = 'measure.plan'
  UNION ALL
  SELECT c.subject, c.subject, r.hlc, r.id, r.body -> '$.data'
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'measure.plan'),
-- next: the day on which the same measure was told anew; signed: stamp of the first visit that fits
measure AS MATERIALIZED (
  SELECT s.*, lead(hlc_day(hlc)) OVER w AS next, CASE WHEN s.data ->> '$.done' IS NOT NULL THEN (
           SELECT min(r.hlc) FROM stored_record r
            WHERE r.subject = s.subject AND r.form = 'visit.household'
              AND r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.signed'
              AND date(upper(r.body ->> '$.data.start'), '+8 hours')
                  BETWEEN CAST(s.data ->> '$.year' AS INTEGER) || '-01-01' AND s.data ->> '$.done'
              AND EXISTS (SELECT 1 FROM json_each(r.body, '$.data.measures') x
                           WHERE x.value ->> '$.type' = s.data ->> '$.type')) END AS signed
    FROM said s
  WINDOW w AS (PARTITION BY about, data ->> '$.year', data ->> '$.type', data ->> '$.chain',
                            data ->> '$.source', data ->> '$.text', data ->> '$.due' ORDER BY hlc, id)),
current AS MATERIALIZED (
  SELECT *, data ->> '$.type' AS type, data ->> '$.chain' AS chain, data ->> '$.yuan' AS yuan
    FROM measure WHERE next IS NULL AND data ->> '$.year' = CAST(substr(today(), 1, 4) AS INTEGER)),
home AS MATERIALIZED (
  SELECT c.subject, l.place, l.doc ->> '$.status' IN ('not_exited', 'planned_exit', 'returned', 'exited') AS poor
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'),
asked AS MATERIALIZED (
  SELECT s.subject, s.about, s.hlc, s.id, s.data, hlc_day(s.hlc) AS day, coalesce(
           date(unsealed(p.doc) ->> '$.birth', '+' || param('job.age_min') || ' years') <= hlc_day(s.hlc)
           AND date(unsealed(p.doc) ->> '$.birth', '+' || (param('job.age_max') + 1) || ' years')
               > hlc_day(s.hlc), 1) AS fits,
         p.gone = '' AND coalesce(p.doc ->> '$.status', 'current') = 'current' AS here,
         p.doc ->> '$.work_place' AS work
    FROM people s CROSS JOIN entity p ON p.kind = 'person' AND p.id = s.about
   WHERE s.form = 'need.job'),
holder AS MATERIALIZED (
  SELECT subject, data ->> '$.public_post' AS post FROM (
    SELECT *, row_number() OVER (PARTITION BY about ORDER BY hlc DESC, id DESC) AS k FROM asked WHERE fits)
   WHERE k = 1 AND here AND work = 'public_post' AND data ->> '$.now' = 'public_post'),
-- 1: wants a job, 0: has one, wants none or left
news AS MATERIALIZED (
  SELECT subject, about, hlc, id, day, (data ->> '$.able') AND (data ->> '$.wants_job')
           AND data ->> '$.now' = 'none' AS wants
    FROM asked WHERE fits
  UNION ALL
  SELECT s.subject, s.about, r.hlc, r.id, hlc_day(r.hlc), 0
    FROM (SELECT subject, about FROM asked GROUP BY subject, about) s CROSS JOIN stored_record r
      ON r.subject = s.about AND r.form = 'person.facts'
   WHERE r.body ->> '$.data.op' = 'leave' OR r.body ->> '$.data.set.work_place' <> 'none'),
turn AS MATERIALIZED (
  SELECT *, sum(NOT wants) OVER (PARTITION BY about ORDER BY hlc, id) AS turn FROM news),
waiting AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY about ORDER BY turn) AS cycle,
         (SELECT x.day FROM turn x WHERE x.about = s.about AND NOT x.wants AND x.turn = s.turn + 1) AS closed
    FROM (SELECT *, row_number() OVER (PARTITION BY about, turn ORDER BY hlc, id) AS k FROM turn WHERE wants) s
   WHERE k = 1)
SELECT h.subject, 'chain.' || m.chain AS name, h.place, 1 AS num, NULL AS den, '{}' AS doc
  FROM current m CROSS JOIN home h ON h.subject = m.subject
 WHERE m.chain IS NOT NULL GROUP BY h.subject, m.chain
UNION ALL
SELECT h.subject, 'help.plan', h.place,
       EXISTS (SELECT 1 FROM current m WHERE m.subject = h.subject), 1, '{}'
  FROM home h WHERE h.poor
UNION ALL
SELECT h.subject, 'help.done', h.place, sum(m.signed IS NOT NULL), count(*), '{}'
  FROM current m CROSS JOIN home h ON h.subject = m.subject GROUP BY h.subject
UNION ALL
SELECT h.subject, 'help.social', h.place, sum(m.yuan), NULL, '{}'
  FROM current m CROSS JOIN home h ON h.subject = m.subject WHERE m.type = 'social' GROUP BY h.subject
UNION ALL
SELECT h.subject, 'public_post.' || m.post, h.place, count(*), NULL, '{}'
  FROM holder m CROSS JOIN home h ON h.subject = m.subject WHERE m.post IS NOT NULL
 GROUP BY h.subject, m.post
UNION ALL
SELECT h.subject, 'job', h.place, sum(m.closed IS NULL), NULL, (
         SELECT json_group_array(json_object('person', about, 'cycle', cycle, 'found', day,
                                             'closed', closed, 'cause', id_text(id)))
           FROM (SELECT * FROM waiting x WHERE x.subject = h.subject ORDER BY x.about, x.cycle))
  FROM waiting m CROSS JOIN home h ON h.subject = m.subject GROUP BY h.subject
UNION ALL
SELECT subject, 'fault.help', NULL, NULL, NULL, json_group_array(json_object(
         'part', part, 'cycle', cycle, 'opened', day, 'closed', closed, 'cause', id_text(id),
         'about', about, 'zh', zh, 'en', en))
  FROM (
    SELECT m.subject, m.about, 'done' AS part, hlc_day(m.hlc) AS day, m.id,
           row_number() OVER (PARTITION BY m.about ORDER BY m.hlc, m.id) AS cycle,
           min(coalesce(hlc_day(m.signed), m.next), coalesce(m.next, hlc_day(m.signed))) AS closed,
           '核实数据:措施完成但户未签字认可' AS zh,
           'Check the data: a measure is done that the household did not sign' AS en
      FROM measure m WHERE m.data ->> '$.done' IS NOT NULL AND coalesce(m.signed > m.hlc, 1)
    UNION ALL
    SELECT a.subject, a.about, 'age', a.day, a.id,
           row_number() OVER (PARTITION BY a.about ORDER BY a.hlc, a.id), (
             SELECT min(x.day) FROM asked x
              WHERE x.about = a.about AND x.fits AND (x.hlc, x.id) > (a.hlc, a.id)),
           '核实数据:就业需求对象不在劳动年龄', 'Check the data: not of working age'
      FROM asked a WHERE NOT a.fits
    ORDER BY 1, 3, 2, 6)
 GROUP BY subject
