-- view: dq-standing
-- level: household
-- forms: exit.step check.income inspect.water inspect.housing check.medical
-- reads: status population income medical gap.income gap.education gap.medical gap.food house water check.income check.water check.housing check.education check.food check.clothing check.medical at.income at.food at.clothing at.education at.medical at.housing at.water
-- keeps: fault.standing c.missed c.wrong_exit
-- What a household counts as against what its checks found. dq1: an ordinary household below the line,
-- with a dropout, a dangerous sole home, unsafe water, or that paid more for treatment than it earns in
-- the year and its vehicles are worth (all that is known of what it owns). dq3: exited, with a gap that
-- was found not more than `dq.gap_days` before. dq4: poor when a quarter began (of the last four: what
-- ended stays), all checks ok at the ends of the two before it, and an income not below the line of those
-- who are watched; until the household exits, or the next quarter begins and asks again. dq16: an exit marked as of a day before the
-- first evidence of a kind, or announced less than `dq.notice_days` after its notice. `c.missed`,
-- `c.wrong_exit`: members, where dq1 or dq3 holds, of those who were looked at.
WITH gap AS MATERIALIZED (
  SELECT c.subject, substr(l.view, 5) AS kind, x.value ->> '$.from' AS day, coalesce(x.value ->> '$.to', '9999') AS until
    FROM changed c CROSS JOIN ledger l
      ON l.subject = c.subject AND l.view IN ('gap.income', 'gap.education', 'gap.medical', 'gap.food')
    CROSS JOIN json_each(l.doc) x
  UNION ALL
  SELECT c.subject, 'housing', x.value ->> '$.found', coalesce(x.value ->> '$.closed', '9999')
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.episodes') x
   WHERE x.value ->> '$.use' = 'resident' AND x.value ->> '$.sole'
  UNION ALL
  -- water found safe by others than the authority is no gap, until it is found unsafe again
  SELECT c.subject, 'water', x.value ->> '$.found',
         coalesce(x.value ->> '$.waits[0].from', x.value ->> '$.closed', '9999')
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'water'
    CROSS JOIN json_each(l.doc) x
  UNION ALL
  SELECT c.subject, 'water', w.value ->> '$.to',
         coalesce(x.value ->> ('$.waits[' || (w.key + 1) || '].from'), x.value ->> '$.closed', '9999')
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'water'
    CROSS JOIN json_each(l.doc) x CROSS JOIN json_each(x.value, '$.waits') w
   WHERE w.value ->> '$.to' IS NOT NULL
  UNION ALL
  SELECT c.subject, 'oop', max(m.doc ->> '$.day', i.doc ->> '$.day'), '9999'
    FROM changed c CROSS JOIN ledger m ON m.subject = c.subject AND m.view = 'medical'
    CROSS JOIN ledger i ON i.subject = c.subject AND i.view = 'income'
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE i.doc ->> '$.year' = CAST(substr(m.doc ->> '$.day', 1, 4) AS INTEGER)
     AND m.doc ->> '$.oop_yuan' > (i.doc ->> '$.yuan') * (m.doc ->> '$.members') + coalesce(e.doc ->> '$.vehicle_yuan', 0)),
-- what the household counted as, from when until when
turn AS MATERIALIZED (
  SELECT g.subject, x.value ->> '$.status' AS status, x.value ->> '$.day' AS day,
         coalesce(lead(x.value ->> '$.day') OVER (PARTITION BY g.subject ORDER BY x.key), '9999') AS until
    FROM (SELECT DISTINCT subject FROM gap) g
    CROSS JOIN ledger l ON l.subject = g.subject AND l.view = 'status'
    CROSS JOIN json_each(l.doc, '$.turns') x
  UNION ALL
  SELECT g.subject, l.doc ->> '$.status', '', '9999'
    FROM (SELECT DISTINCT subject FROM gap) g
    CROSS JOIN ledger l ON l.subject = g.subject AND l.view = 'status'
   WHERE l.doc ->> '$.turns' IS NULL),
step AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.step' AS step,
         r.body ->> '$.data.year' AS year, r.body ->> '$.data.date' AS date
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'exit.step'
   WHERE r.body ->> '$.data.step' IN ('notice', 'announce', 'mark')),
early AS (
  SELECT z.subject, z.day, z.id, coalesce((
      SELECT min(x.day) FROM step x WHERE x.subject = z.subject AND x.step = z.step AND (x.hlc, x.id) > (z.hlc, z.id)),
      '9999') AS until
    FROM step z
   WHERE CASE z.step
       WHEN 'announce' THEN z.date < (SELECT date(min(x.date), '+' || param('dq.notice_days') || ' days') FROM step x
                                       WHERE x.subject = z.subject AND x.year = z.year AND x.step = 'notice')
       WHEN 'mark' THEN EXISTS (
         SELECT 1 FROM (
           SELECT min(r.hlc) AS hlc FROM stored_record r
            WHERE r.subject = z.subject AND r.form = 'check.income' AND r.body ->> '$.data.signed'
           UNION ALL SELECT min(r.hlc) FROM stored_record r WHERE r.subject = z.subject AND r.form = 'inspect.water'
           UNION ALL SELECT min(r.hlc) FROM stored_record r WHERE r.subject = z.subject AND r.form = 'inspect.housing'
           UNION ALL SELECT min(r.hlc) FROM stored_record r WHERE r.subject = z.subject AND r.form = 'check.medical') f
          WHERE f.hlc < z.hlc AND hlc_day(f.hlc) > z.date) END),
wrong AS (
  SELECT g.subject, 'dq1' AS part, max(g.day, t.day) AS day, NULL AS id, min(g.until, t.until) AS until
    FROM gap g CROSS JOIN turn t ON t.subject = g.subject
   WHERE t.status = 'none' AND g.kind IN ('income', 'education', 'housing', 'water', 'oop')
     AND max(g.day, t.day) < min(g.until, t.until)
  UNION ALL
  SELECT g.subject, 'dq3', max(g.day, t.day), NULL, min(g.until, t.until)
    FROM gap g CROSS JOIN turn t ON t.subject = g.subject
   WHERE t.status = 'exited' AND g.kind <> 'oop' AND g.day >= date(t.day, '-' || param('dq.gap_days') || ' days')
     AND max(g.day, t.day) < min(g.until, t.until)
  UNION ALL
  SELECT subject, 'dq16', day, id, until FROM early),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY subject, part ORDER BY day, until) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY subject, part ORDER BY day, until
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM wrong)),
-- the quarters at whose beginning all checks had been ok for two
quarter(n, day, next) AS MATERIALIZED (
  SELECT n, date(first, '-' || (3 * (n - 1)) || ' months'), iif(n = 1, '9999', date(first, '-' || (3 * (n - 2)) || ' months'))
    FROM (SELECT date(today(), 'start of month', '-' || ((strftime('%m', today()) - 1) % 3) || ' months') AS first)
    CROSS JOIN (SELECT column1 AS n FROM (VALUES (1), (2), (3), (4)))),
fine AS MATERIALIZED (
  SELECT c.subject, q.day, q.next
    FROM changed c CROSS JOIN ledger w ON w.subject = c.subject AND w.view = 'at.water' AND mentions(w.doc, 'ok')
    CROSS JOIN quarter q
   WHERE w.doc ->> ('$.q' || q.n) = 'ok'
     AND 7 = (SELECT count(*) FROM ledger a WHERE a.subject = c.subject
                 AND a.view IN ('at.income', 'at.food', 'at.clothing', 'at.education', 'at.medical', 'at.housing', 'at.water')
                 AND a.doc ->> ('$.q' || q.n) = 'ok' AND a.doc ->> ('$.q' || (q.n + 1)) = 'ok')),
told AS MATERIALIZED (
  SELECT subject, part, cycle, min(day) AS opened, nullif(max(until), '9999') AS closed, id
    FROM island GROUP BY subject, part, cycle
  UNION ALL
  SELECT f.subject, 'dq4', substr(f.day, 1, 7), f.day, nullif(min(f.next, coalesce((
           SELECT min(x.value ->> '$.day') FROM json_each(s.doc, '$.turns') x
            WHERE x.value ->> '$.day' >= f.day
              AND x.value ->> '$.status' NOT IN ('not_exited', 'planned_exit', 'returned')), '9999')), '9999'), NULL
    FROM fine f CROSS JOIN ledger s ON s.subject = f.subject AND s.view = 'status'
    CROSS JOIN ledger i ON i.subject = f.subject AND i.view = 'income'
   WHERE coalesce((SELECT x.value ->> '$.status' FROM json_each(s.doc, '$.turns') x
                    WHERE x.value ->> '$.day' < f.day ORDER BY x.key DESC LIMIT 1),
                  iif(s.doc ->> '$.turns' IS NULL, s.doc ->> '$.status', 'none')) IN ('not_exited', 'planned_exit', 'returned')
     AND 0 = (SELECT x.value ->> '$.low' FROM json_each(i.doc, '$.checks') x
               WHERE x.value ->> '$.day' < f.day ORDER BY x.key DESC LIMIT 1)),
looked AS (
  SELECT c.subject, s.doc ->> '$.status' AS status, p.place, p.num AS persons
    FROM changed c CROSS JOIN ledger s ON s.subject = c.subject AND s.view = 'status'
    CROSS JOIN ledger p ON p.subject = c.subject AND p.view = 'population'
   WHERE (s.doc ->> '$.status' = 'none' OR s.doc ->> '$.status' = 'exited' AND param('dq.gap_days') IS NOT NULL)
     AND EXISTS (SELECT 1 FROM ledger k WHERE k.subject = c.subject
                    AND (k.view IN ('check.income', 'check.water', 'check.housing', 'check.education')
                         OR s.doc ->> '$.status' = 'exited' AND k.view IN ('check.food', 'check.clothing', 'check.medical'))
                    AND k.doc ->> '$.state' <> 'unknown' AND (k.view <> 'check.education' OR k.doc ->> '$.day' IS NOT NULL)))
SELECT subject, 'fault.standing' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', part, 'cycle', cycle, 'opened', opened, 'closed', closed,
         'cause', id_text(id),
         'zh', CASE part WHEN 'dq1' THEN '核实数据:疑似漏评,一般农户未达标'
                         WHEN 'dq3' THEN '核实数据:疑似错退,脱贫户有短板'
                         WHEN 'dq4' THEN '核实数据:疑似该退不退'
                         ELSE '核实数据:退出日期早于佐证或公示不足七天' END,
         'en', CASE part WHEN 'dq1' THEN 'Check the data: perhaps missed, an ordinary household with a gap'
                         WHEN 'dq3' THEN 'Check the data: perhaps wrongly exited, a gap was found'
                         WHEN 'dq4' THEN 'Check the data: perhaps to exit, in order for two quarters'
                         ELSE 'Check the data: the exit is dated before its evidence or notice' END)) AS doc
  FROM (SELECT * FROM told ORDER BY subject, part, cycle) GROUP BY subject
UNION ALL
SELECT subject, iif(status = 'none', 'c.missed', 'c.wrong_exit'), place,
       iif(EXISTS (SELECT 1 FROM told t WHERE t.subject = k.subject AND t.closed IS NULL
                      AND t.part = iif(k.status = 'none', 'dq1', 'dq3')), persons, 0), persons, '{}'
  FROM looked k
