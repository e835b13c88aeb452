-- view: house
-- level: household
-- forms: hh.facts inspect.housing house.work
-- names: check.housing house.cover house.left house.inspected
-- keeps: house
-- A house (hh, bld) is appraised and worked on in turn. An episode begins when it is found to be of
-- grade C or D and ends when its works are closed in full order, or an appraisal finds A or B.
-- Stages count once all before them are there, in whatever order they came. Buildings without an
-- owner stand under {village}-00-0000, which is no household: nothing counts it.
WITH RECURSIVE
ev AS MATERIALIZED (
  SELECT c.subject, r.body ->> '$.data.bld' AS bld, r.hlc, r.id, hlc_day(r.hlc) AS day,
         iif(r.form = 'house.work', r.body ->> '$.data.stage', r.body ->> '$.data.kind') AS kind,
         r.body ->> '$.data.grade' AS grade, r.body ->> '$.data.use' AS use,
         r.body ->> '$.data.sole_home' AS sole, r.body ->> '$.data.suspected' AS suspected,
         r.body ->> '$.data.post_grade' AS post
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form IN ('inspect.housing', 'house.work')),
step AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject, bld ORDER BY hlc, id) AS n,
         CASE kind WHEN 'listed' THEN 1 WHEN 'signed' THEN 2 WHEN 'started' THEN 4
                   WHEN 'main_done' THEN 8 WHEN 'accepted' THEN iif(post IN ('A', 'B'), 16, 0)
                   WHEN 'closed' THEN 32 ELSE 0 END AS bit
    FROM ev WHERE kind NOT IN ('screen', 'demolished')),
-- ep: number of the episode; bad: its grade; grade: the house's grade now; works: stages seen
fold(subject, bld, n, ep, c, d, bad, grade, found, cause, closed, use, sole, works, post) AS (
  SELECT DISTINCT subject, bld, 0, 0, 0, 0, NULL, NULL, NULL, NULL, '', NULL, NULL, 0, NULL FROM step
  UNION ALL
  SELECT f.subject, f.bld, s.n,
    f.ep + iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), 1, 0),
    f.c + iif(s.grade = 'C' AND NOT (f.closed IS NULL AND f.bad = 'C'), 1, 0),
    f.d + iif(s.grade = 'D' AND NOT (f.closed IS NULL AND f.bad = 'D'), 1, 0),
    iif(s.grade IN ('C', 'D'), s.grade, f.bad),
    CASE WHEN s.kind = 'appraise' THEN s.grade
         WHEN f.works | s.bit = 63 AND f.closed IS NULL THEN coalesce(s.post, f.post)
         ELSE f.grade END,
    iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), s.day, f.found),
    iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), s.id, f.cause),
    CASE WHEN s.grade IN ('C', 'D') THEN NULL
         WHEN f.closed IS NULL AND (s.grade IN ('A', 'B') OR f.works | s.bit = 63) THEN s.day
         ELSE f.closed END,
    coalesce(s.use, f.use), coalesce(s.sole, f.sole),
    iif(f.closed IS NULL AND (s.grade IN ('A', 'B') OR f.works | s.bit = 63), 0, f.works | s.bit),
    coalesce(s.post, f.post)
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.bld = f.bld AND s.n = f.n + 1),
house AS MATERIALIZED (SELECT *, max(n) FROM fold GROUP BY subject, bld),
-- where a stage waits for one before it, and until when
hole AS MATERIALIZED (
  SELECT *, lead(day) OVER (PARTITION BY subject, bld ORDER BY n) AS closed,
         row_number() OVER (PARTITION BY subject, bld, hole ORDER BY n) AS cycle FROM (
    SELECT f.subject, f.bld, f.n, s.day, s.id, f.works & (f.works + 1) <> 0 AS hole,
           lag(f.works & (f.works + 1) <> 0, 1, 0) OVER (PARTITION BY f.subject, f.bld ORDER BY f.n) AS before
      FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.bld = f.bld AND s.n = f.n)
   WHERE hole <> before),
episode AS MATERIALIZED (
  SELECT f.*, max(f.n) FROM fold f CROSS JOIN house h ON h.subject = f.subject AND h.bld = f.bld
   WHERE f.ep > 0 GROUP BY f.subject, f.bld, f.ep
  HAVING f.closed IS NOT NULL OR f.ep = h.ep),
-- Worked back from the stop: acceptance 10 days before it, the rest in shares of the time left.
planned AS MATERIALIZED (
  SELECT p.*, param('campaign.housing.stop') AS stop, date(found, '+1 day') AS next,
         date(param('campaign.housing.stop'), '-10 days') AS accept,
         CAST(julianday(param('campaign.housing.stop')) - julianday(found) AS INTEGER) - 10 AS span
    FROM episode p),
seen AS MATERIALIZED (
  SELECT subject, max(kind = 'appraise' AND use = 'resident') AS appraised,
         max(iif(kind = 'appraise' AND use = 'resident', hlc, NULL)) AS last,
         min(iif(kind = 'appraise' AND use = 'resident', day, NULL)) AS first,
         max(kind IN ('screen', 'appraise')) AS inspected
    FROM ev GROUP BY subject),
screened AS MATERIALIZED (
  SELECT subject, suspected, hlc FROM (
    SELECT *, row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS k
      FROM ev WHERE kind = 'screen' AND use = 'resident') WHERE k = 1),
home AS MATERIALIZED (
  SELECT c.subject, e.place, json_array_length(e.doc, '$.focus') > 0 AS focus
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'),
checked AS (
  SELECT s.subject, CASE
      WHEN EXISTS (SELECT 1 FROM house h WHERE h.subject = s.subject AND h.use = 'resident'
                    AND h.grade IN ('C', 'D')) THEN 'gap'
      WHEN NOT o.focus AND (SELECT x.suspected FROM screened x
                             WHERE x.subject = s.subject AND x.hlc > coalesce(s.last, 0)) THEN 'gap'
      WHEN s.appraised THEN 'ok'
      WHEN o.focus THEN NULL
      ELSE iif((SELECT suspected FROM screened x WHERE x.subject = s.subject), 'gap',
               iif(EXISTS (SELECT 1 FROM screened x WHERE x.subject = s.subject), 'ok', NULL))
    END AS state
    FROM seen s CROSS JOIN home o ON o.subject = s.subject)
SELECT subject, 'check.housing' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state) AS doc
  FROM checked WHERE state IS NOT NULL
UNION ALL
SELECT o.subject, 'house.cover', o.place, coalesce(s.appraised, 0), 1, '{}'
  FROM home o LEFT JOIN seen s ON s.subject = o.subject WHERE o.focus
UNION ALL
SELECT o.subject, 'house.inspected', o.place, 1, NULL, '{}'
  FROM seen s CROSS JOIN home o ON o.subject = s.subject WHERE s.inspected
UNION ALL
SELECT o.subject, 'house.left', o.place, sum(p.closed IS NULL), count(*), '{}'
  FROM episode p CROSS JOIN home o ON o.subject = p.subject
 WHERE p.use = 'resident' AND p.sole GROUP BY p.subject
UNION ALL
SELECT s.subject, 'house', NULL, NULL, NULL, json_object('first', s.first, 'episodes', (
    SELECT json_group_array(json_object('bld', bld, 'grade', bad, 'cycle', iif(bad = 'C', c, d),
             'found', found, 'cause', id_text(cause), 'closed', closed, 'use', use, 'sole', sole,
             'unattainable', coalesce(span < iif(bad = 'C', 15, 45) OR found > stop, 0),
             'milestones', CASE WHEN stop IS NOT NULL THEN json_array(
               json_object('name', 'sign', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 10 / 100, 0) || ' days')))),
               json_object('name', 'start', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 20 / 100, 0) || ' days')))),
               json_object('name', 'main', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 75 / 100, 0) || ' days')))),
               json_object('name', 'accept', 'due', min(stop, max(next, accept)))) END))
      FROM (SELECT * FROM planned p WHERE p.subject = s.subject ORDER BY p.bld, p.found, p.cause)),
    'holes', (
    SELECT json_group_array(json_object('bld', bld, 'cycle', cycle, 'opened', day, 'closed', closed,
                                        'cause', id_text(id)))
      FROM (SELECT * FROM hole o WHERE o.subject = s.subject AND o.hole ORDER BY o.bld, o.day, o.id)))
  FROM seen s
