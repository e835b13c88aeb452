-- rule: T-Q1
-- level: key
-- forms: visit.household person.facts
-- title-zh: 核实数据
-- title-en: Check the data
-- What no household shows alone. Keys by:{cadre}: dq11, visits in person of one cadre less than
-- `dq.visit_gap_min` apart in different groups, more than `dq.visits_day` on a day, or with the same photo; asked about the
-- later one, until the cadre visits that household again without. Keys text:…: dq12, at least
-- `dq.same_text` households of whose last visit the same was written; asked about the one that makes them so many,
-- until fewer are left.
-- Keys id:…: dq5, one ID number of members of two households, or of one who died. The cycle of dq11 and
-- dq12 is the number of the visit among those of its household.
WITH trip AS MATERIALIZED (
  SELECT c.subject AS root, l.subject, substr(l.subject, 1, 15) AS grp, l.doc ->> '$.n' AS n, l.doc ->> '$.hlc' AS hlc,
         l.doc ->> '$.id' AS id, l.doc ->> '$.day' AS day, l.doc ->> '$.on' AS date, l.doc ->> '$.from' AS start,
         l.doc ->> '$.to' AS stop, l.doc -> '$.photos' AS photos
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject
   WHERE c.subject GLOB 'by:*' AND l.view GLOB 'dq.visit.*'),
photo AS MATERIALIZED (
  SELECT t.root, t.id, row_number() OVER (PARTITION BY t.root, p.value ORDER BY t.hlc, t.id) AS k
    FROM trip t CROSS JOIN json_each(t.photos) p),
-- joined, not asked of each visit: a cadre has many
hasty AS MATERIALIZED (
  SELECT DISTINCT t.id
    FROM trip t CROSS JOIN trip x ON x.root = t.root AND x.date = t.date
   WHERE x.grp <> t.grp AND (x.start, x.id) < (t.start, t.id)
     AND t.start < x.stop + 60 * param('dq.visit_gap_min')),
judged AS MATERIALIZED (
  SELECT t.*, t.id IN (SELECT id FROM photo WHERE k > 1)
           OR row_number() OVER (PARTITION BY t.root, t.date ORDER BY t.start, t.hlc, t.id) = param('dq.visits_day') + 1
           OR t.id IN (SELECT id FROM hasty) AS odd
    FROM trip t),
written AS MATERIALIZED (
  SELECT c.subject AS root, l.subject, l.doc ->> '$.n' AS n, l.doc ->> '$.hlc' AS hlc, l.doc ->> '$.id' AS id,
         l.doc ->> '$.day' AS day, l.doc ->> '$.until' AS until
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject
   WHERE c.subject GLOB 'text:*' AND l.view GLOB 'dq.text.*'),
-- a household counts from the first such visit to the first other one
spell AS MATERIALIZED (
  SELECT b.root, b.subject, b.n, b.hlc, b.id, b.day, min(e.until) AS until
    FROM (SELECT w.* FROM written w LEFT JOIN written z ON z.root = w.root AND z.subject = w.subject AND z.n = w.n - 1
           WHERE z.n IS NULL) b
    LEFT JOIN (SELECT w.* FROM written w LEFT JOIN written z ON z.root = w.root AND z.subject = w.subject AND z.n = w.n + 1
                WHERE z.n IS NULL) e
      ON e.root = b.root AND e.subject = b.subject AND e.hlc >= b.hlc
   GROUP BY b.root, b.subject, b.n),
level AS (
  SELECT *, sum(step) OVER (PARTITION BY root ORDER BY at, step DESC, hlc, id ROWS UNBOUNDED PRECEDING) AS many FROM (
    SELECT root, subject, n, hlc, id, day AS at, 1 AS step FROM spell
    UNION ALL SELECT root, subject, n, hlc, id, until, -1 FROM spell WHERE until < '9999')),
same AS (
  SELECT *, lead(at) OVER (PARTITION BY root ORDER BY at, step DESC, hlc, id) AS closed FROM level
   WHERE many = param('dq.same_text') - (step < 0)),
bearer AS MATERIALIZED (
  SELECT c.subject AS root, l.subject AS home, l.doc ->> '$.on' AS id, l.doc ->> '$.dead' AS dead,
         s.value ->> '$[0]' AS day, s.value ->> '$[1]' AS until
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject CROSS JOIN json_each(l.doc, '$.spans') s
   WHERE c.subject GLOB 'id:*' AND l.view GLOB 'dq.id.*'),
twin AS (
  SELECT a.root, a.home, a.id, max(a.day, b.day) AS day, min(a.until, b.until) AS until
    FROM bearer a CROSS JOIN bearer b ON b.root = a.root AND b.home <> a.home
   WHERE max(a.day, b.day) < min(a.until, b.until)
  UNION ALL
  SELECT a.root, a.home, a.id, max(a.day, b.dead), a.until
    FROM bearer a CROSS JOIN bearer b ON b.root = a.root AND b.home <> a.home
   WHERE b.dead IS NOT NULL AND a.until > b.dead),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY id ORDER BY day, until) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY id ORDER BY day, until
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM twin)),
asked AS (
  SELECT j.root, j.subject, j.subject AS home, 'dq11' AS part, j.n AS cycle, j.day AS opened, min(x.day) AS closed,
         j.id AS cause, '核实数据:走访时间、次数或照片不合常理' AS zh,
         'Check the data: visits too close, too many or with one photo' AS en
    FROM judged j LEFT JOIN judged x ON x.root = j.root AND x.subject = j.subject
     AND (x.hlc, x.id) > (j.hlc, j.id) AND x.odd IS NOT 1
   WHERE j.odd GROUP BY j.root, j.id
  UNION ALL
  SELECT root, subject, subject, 'dq12', n, at, closed, id,
         '核实数据:五户以上走访记录文字相同', 'Check the data: the same was written of five households or more'
    FROM same WHERE step = 1
  UNION ALL
  SELECT root, id, home, 'dq5', cycle, min(day), nullif(max(until), '9999'), NULL,
         '核实数据:身份证号在两户重复,或属已故人员', 'Check the data: an ID number of two households, or of one who died'
    FROM island GROUP BY root, id, cycle)
SELECT root, subject, substr(home, 1, 12) AS place, part, cycle, opened, date(opened, '+7 days') AS due,
       closed, cause, zh AS title_zh, en AS title_en, 'VO' AS assignee_role, 'TW' AS verifier_role,
       iif(part = 'dq5', 2, 1) AS class
  FROM asked
