-- view: project
-- level: project
-- forms: project.step register.cadre
-- names: project project.village_meeting project.declared project.reviewed project.approved project.noticed project.started project.accepted project.rejected project.yuan project.spent
-- keeps: project.loop project.water project.funds marks.finding
-- The project library. A step counts by its stamp, once all steps before it are there, in whatever
-- order they came: the village meets and declares, the township reviews, the county approves and
-- announces, then works start and are accepted. Sent back before they start, a project is to be
-- declared again: the next cycle. A step by one in whose registered area the project does not lie
-- has no effect. What the project says of itself is in its newest declaration; its sum in what the
-- county approved.
-- `holes`: where a step waits for one before it, or is by one who may not; `early`: the records of a
-- start before the end of the announcement.
WITH RECURSIVE
ev AS MATERIALIZED (
  SELECT c.subject, r.id, r.hlc, hlc_day(r.hlc) AS day, r.author, r.body -> '$.data' AS data,
         r.body ->> '$.data.step' AS step, r.body ->> '$.data.div' AS div,
         cadre_at(r.author, 'role', r.hlc) AS role, cadre_at(r.author, 'scope', r.hlc) AS scope,
         a.id IS NULL AS import
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'project.step'
    LEFT JOIN entity a ON a.kind = 'cadre' AND a.id = r.author),
-- where it lies: as the newest declaration says that its author may make
home AS MATERIALIZED (
  SELECT subject, div, name, cat, yuan, hh_served, link FROM (
    SELECT subject, div, data ->> '$.name' AS name, data ->> '$.cat' AS cat,
           data ->> '$.yuan' AS yuan, data ->> '$.hh_served' AS hh_served, data ->> '$.link' AS link,
           row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS k
      FROM ev v
     WHERE step = 'declared' AND (import OR EXISTS (
       SELECT 1 FROM json_each(v.scope) s
        WHERE v.div = s.value OR (substr(s.value, 10) = '000' AND substr(v.div, 1, 9) = substr(s.value, 1, 9))
           OR (substr(s.value, 7) = '000000' AND substr(v.div, 1, 6) = substr(s.value, 1, 6)))))
   WHERE k = 1),
judged AS MATERIALIZED (
  SELECT v.*, import OR EXISTS (
           SELECT 1 FROM json_each(v.scope) s
            WHERE h.div = s.value OR (substr(s.value, 10) = '000' AND substr(h.div, 1, 9) = substr(s.value, 1, 9))
               OR (substr(s.value, 7) = '000000' AND substr(h.div, 1, 6) = substr(s.value, 1, 6))) AS able
    FROM ev v CROSS JOIN home h ON h.subject = v.subject),
step AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS n,
         CASE step WHEN 'village_meeting' THEN 1 WHEN 'declared' THEN 2 WHEN 'reviewed' THEN 4
                   WHEN 'approved' THEN 8 WHEN 'noticed' THEN 16 WHEN 'started' THEN 32
                   WHEN 'accepted' THEN 64 ELSE 0 END AS bit
    FROM judged WHERE able),
-- bits: steps seen; back: sent back last, which it can be once declared and until works start
walk(subject, n, cycle, bits, back) AS (
  SELECT subject, 0, 1, 0, 0 FROM home
  UNION ALL
  SELECT f.subject, s.n, f.cycle + (s.bit = 0 AND f.bits & 3 = 3 AND f.bits & 63 <> 63),
         CASE WHEN s.bit THEN f.bits | s.bit WHEN f.bits & 3 = 3 AND f.bits & 63 <> 63 THEN 1 ELSE f.bits END,
         iif(s.bit, f.back AND s.bit <> 2, f.back OR (f.bits & 3 = 3 AND f.bits & 63 <> 63))
    FROM walk f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n + 1),
-- low: the steps that none before is missing of
fold AS MATERIALIZED (
  SELECT *, ((bits | (bits + 1)) - (bits & (bits + 1))) >> 1 AS low FROM walk),
state AS MATERIALIZED (SELECT *, max(n) FROM fold GROUP BY subject),
-- on which day which step took effect, and when a cycle was sent back
turn AS MATERIALIZED (
  SELECT f.subject, f.cycle, s.day, s.id, f.low, f.cycle <> coalesce(lag(f.cycle) OVER w, 1) AS back,
         coalesce(lag(f.low) OVER w, 0) AS before, f.bits <> f.low AS hole,
         coalesce(lag(f.bits) OVER w <> lag(f.low) OVER w, 0) AS hole_before, f.n
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n
  WINDOW w AS (PARTITION BY f.subject ORDER BY f.n)),
stage AS MATERIALIZED (
  SELECT t.subject, t.cycle, b.step, t.day, t.id
    FROM turn t CROSS JOIN (
      SELECT 1 AS bit, 'village_meeting' AS step UNION ALL SELECT 2, 'declared' UNION ALL SELECT 4, 'reviewed'
      UNION ALL SELECT 8, 'approved' UNION ALL SELECT 16, 'noticed' UNION ALL SELECT 32, 'started'
      UNION ALL SELECT 64, 'accepted') b
   WHERE t.low & b.bit AND (t.back OR NOT t.before & b.bit) AND NOT (t.back AND b.bit = 1)
  UNION ALL SELECT subject, cycle - 1, 'rejected', day, id FROM turn WHERE back),
hole AS MATERIALIZED (
  SELECT subject, 'order' AS why, day AS opened, lead(day) OVER w AS closed, id, hole AS waits
    FROM turn WHERE hole <> hole_before WINDOW w AS (PARTITION BY subject ORDER BY n)
  UNION ALL
  SELECT subject, 'area', day, (
           SELECT min(x.day) FROM step x WHERE x.subject = j.subject AND x.step = j.step
              AND (x.hlc, x.id) > (j.hlc, j.id)), id, 1
    FROM judged j WHERE NOT able),
early AS MATERIALIZED (
  SELECT s.subject, s.id FROM step s
   WHERE s.step = 'started' AND s.data ->> '$.date' < (
     SELECT x.data ->> '$.notice_to' FROM step x
      WHERE x.subject = s.subject AND x.step = 'noticed' ORDER BY x.n DESC LIMIT 1)),
told AS MATERIALIZED (
  SELECT h.*, CASE WHEN t.back THEN 'rejected'
                   ELSE CASE t.low WHEN 1 THEN 'village_meeting' WHEN 3 THEN 'declared' WHEN 7 THEN 'reviewed'
                                   WHEN 15 THEN 'approved' WHEN 31 THEN 'noticed' WHEN 63 THEN 'started'
                                   WHEN 127 THEN 'accepted' ELSE '' END END AS state,
         iif(t.low >= 15, (SELECT x.data FROM step x WHERE x.subject = h.subject AND x.step = 'approved'
                            ORDER BY x.n DESC LIMIT 1), NULL) AS approved,
         iif(t.low >= 31, (SELECT x.data ->> '$.notice_to' FROM step x WHERE x.subject = h.subject
                              AND x.step = 'noticed' ORDER BY x.n DESC LIMIT 1), NULL) AS notice_to,
         iif(t.low >= 127, (SELECT x.data ->> '$.spent_yuan' FROM step x WHERE x.subject = h.subject
                               AND x.step = 'accepted' ORDER BY x.n DESC LIMIT 1), NULL) AS spent
    FROM home h CROSS JOIN state t ON t.subject = h.subject),
full AS MATERIALIZED (
  SELECT t.*, coalesce(t.approved ->> '$.yuan', t.yuan) AS sum,
         (SELECT json_group_array(json_object('cycle', cycle, 'step', step, 'day', day, 'id', id_text(id)))
            FROM (SELECT * FROM stage g WHERE g.subject = t.subject ORDER BY cycle, day, step)) AS stages,
         (SELECT json_group_array(json_object('why', why, 'opened', opened, 'closed', closed, 'cause', id_text(id)))
            FROM (SELECT * FROM hole o WHERE o.subject = t.subject AND o.waits ORDER BY opened, id)) AS holes,
         -- a finding bears the id of the first of a record's amendments
         (SELECT json_group_array(id) FROM (
            SELECT id_text(y.id) AS id FROM early x CROSS JOIN record y ON y.id = x.id WHERE x.subject = t.subject
            UNION
            SELECT id_text(z.id) FROM early x CROSS JOIN record y ON y.id = x.id
              CROSS JOIN record z ON z.chain = y.chain WHERE x.subject = t.subject ORDER BY 1)) AS early
    FROM told t)
SELECT subject, 'project' AS name, div AS place, NULL AS num, NULL AS den,
       json_object('state', state, 'name', name, 'cat', cat, 'div', div, 'yuan', sum,
         'funds', json(approved -> '$.funds'), 'hh_served', hh_served, 'link', link,
         'notice_to', notice_to, 'spent_yuan', spent) AS doc,
       1 AS class, '' AS audience
  FROM full
UNION ALL
SELECT subject, 'project.loop', NULL, NULL, NULL,
       json_object('div', div, 'cat', cat, 'state', state, 'hh_served', hh_served, 'stages', json(stages),
                   'holes', json(holes), 'early', json(early)), NULL, NULL
  FROM full
UNION ALL SELECT subject, 'project.' || state, div, 1, NULL, '{}', NULL, NULL FROM full WHERE state <> ''
UNION ALL SELECT subject, 'project.yuan', div, sum, NULL, '{}', NULL, NULL FROM full WHERE state <> ''
UNION ALL SELECT subject, 'project.spent', div, spent, sum, '{}', NULL, NULL FROM full WHERE spent IS NOT NULL
UNION ALL
SELECT subject, 'project.funds', div, sum, NULL,
       json_object('year', (SELECT CAST(substr(min(day), 1, 4) AS INTEGER) FROM stage g
                             WHERE g.subject = f.subject AND g.step = 'approved'), 'yuan', sum), NULL, NULL
  FROM full f WHERE approved IS NOT NULL
UNION ALL
SELECT subject, 'project.water', div, 1, NULL,
       json_object('accepted', (SELECT max(day) FROM stage g WHERE g.subject = f.subject AND g.step = 'accepted')),
       NULL, NULL
  FROM full f WHERE cat = 'water' AND state = 'accepted'
UNION ALL SELECT subject, 'marks.finding', NULL, NULL, NULL, early, NULL, NULL FROM full WHERE early <> '[]'
