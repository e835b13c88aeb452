-- view: dq-conflict
-- level: household
-- forms: *
-- keeps: fault.conflict
-- Conflicts of facts (docs/protocol.md §7) of a household and its members, from the write that
-- disagreed to the one that saw both sides or agreed; households and members that were named by a
-- record (but by covert work, which nobody there may hear of) before one registered them, until it did. A write is followed where an entity has more than
-- one; shown: its author was shown the other, that is `base` names it, or, without base, it is more
-- than 72 hours older.
WITH RECURSIVE
-- where anybody was recorded more than once, or otherwise than by facts, or is not registered
hot AS MATERIALIZED (
  SELECT c.subject FROM changed c
   WHERE EXISTS (SELECT 1 FROM record r WHERE r.subject >= c.subject AND r.subject < c.subject || '.'
                  GROUP BY r.subject HAVING count(*) > 1 OR max(r.form NOT IN ('hh.facts', 'person.facts')))
      OR EXISTS (SELECT 1 FROM entity e WHERE e.kind = 'household' AND e.id = c.subject
                    AND (e.conflicts <> '[]' OR NOT e.registered))
      OR EXISTS (SELECT 1 FROM entity e WHERE e.kind = 'person' AND e.id > c.subject || '-' AND e.id < c.subject || '.'
                    AND (e.conflicts <> '[]' OR NOT e.registered))),
about AS MATERIALIZED (
  SELECT c.subject AS root, e.kind, e.id, e.conflicts, e.registered
    FROM hot c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(e.id, 14) <> '00-0000'
  UNION ALL
  SELECT c.subject, e.kind, e.id, e.conflicts, e.registered
    FROM hot c CROSS JOIN entity e
      ON e.kind = 'person' AND e.id > c.subject || '-' AND e.id < c.subject || '.'
   WHERE e.gone = ''),
twice AS MATERIALIZED (
  SELECT a.root, a.id FROM about a
   WHERE EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id
                  AND r.form = iif(a.kind = 'person', 'person.facts', 'hh.facts') LIMIT 1 OFFSET 1)
      OR (a.kind = 'person' AND (
            EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form = 'check.education')
         OR EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form = 'need.job')))
      OR (a.kind = 'household' AND EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form = 'inspect.housing'))),
-- who alone wrote an entity, or only imports did, disagrees with nobody
mixed AS MATERIALIZED (
  SELECT t.id FROM twice t CROSS JOIN record r
      ON r.subject = t.id AND r.form IN ('hh.facts', 'person.facts', 'check.education', 'need.job', 'inspect.housing')
   WHERE r.outcome = 1 AND r.author <> 'zoufang' GROUP BY t.id HAVING count(DISTINCT r.author) > 1),
said AS MATERIALIZED (
  SELECT t.root, t.id, r.hlc, r.id AS rid, r.author, r.effect = 1 AS counts, unsealed(r.body) -> '$.base' AS base,
         CASE r.form
           WHEN 'check.education' THEN json_patch('{}', json_object('student', unsealed(r.body) ->> '$.data.student',
                                                                    'school', unsealed(r.body) ->> '$.data.school'))
           WHEN 'need.job' THEN json_object('work_place', unsealed(r.body) ->> '$.data.now')
           WHEN 'inspect.housing' THEN json_object('sole_home', r.body ->> '$.data.sole_home')
           WHEN 'hh.facts' THEN unsealed(r.body) -> '$.data.set'
           ELSE json_patch(json_remove(coalesce(unsealed(r.body) -> '$.data.set', '{}'), '$.status'),
             CASE r.body ->> '$.data.op' WHEN 'add' THEN '{"status":"current"}' WHEN 'leave' THEN '{"status":"left"}'
                  ELSE '{}' END) END AS facts
    FROM mixed m CROSS JOIN twice t ON t.id = m.id CROSS JOIN record r
      ON r.subject = t.id AND r.form IN ('hh.facts', 'person.facts', 'check.education', 'need.job', 'inspect.housing')
   WHERE r.outcome = 1),
wrote AS MATERIALIZED (
  SELECT s.root, s.id, f.key AS fact, f.value, s.hlc, s.rid, s.author, s.counts, s.base -> ('$."' || f.key || '"') AS base,
         row_number() OVER (PARTITION BY s.id, f.key ORDER BY s.hlc, s.rid) AS n
    FROM said s CROSS JOIN json_each(s.facts) f),
link AS MATERIALIZED (
  SELECT a.id, a.fact, a.n AS n, b.n AS m
    FROM wrote a CROSS JOIN wrote b ON b.id = a.id AND b.fact = a.fact AND b.n < a.n
   WHERE iif(a.base IS NULL, (a.hlc >> 16) - (b.hlc >> 16) > 259200000,
             EXISTS (SELECT 1 FROM json_each(a.base) t WHERE t.value = lower(hex(substr(b.rid, 11)))))),
seen(id, fact, n, m) AS MATERIALIZED (
  SELECT id, fact, n, m FROM link
  UNION
  SELECT s.id, s.fact, s.n, k.m FROM seen s CROSS JOIN link k ON k.id = s.id AND k.fact = s.fact AND k.n = s.m),
blind AS MATERIALIZED (
  SELECT DISTINCT w.id, w.fact, w.n
    FROM wrote w CROSS JOIN wrote a ON a.id = w.id AND a.fact = w.fact AND a.n < w.n
   WHERE w.author <> 'zoufang' AND w.counts AND a.counts AND a.author NOT IN ('zoufang', w.author)
     AND a.value IS NOT w.value
     AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.id = w.id AND s.fact = w.fact AND s.n = w.n AND s.m = a.n)),
state AS (
  SELECT w.root, w.id, w.fact, w.rid, hlc_day(w.hlc) AS day, w.hlc,
         coalesce(hlc_day(lead(w.hlc) OVER (PARTITION BY w.id, w.fact ORDER BY w.n)), '9999') AS until,
         b.n IS NOT NULL AS bad
    FROM wrote w LEFT JOIN blind b ON b.id = w.id AND b.fact = w.fact AND b.n = w.n WHERE w.counts),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY id ORDER BY hlc, fact) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY id ORDER BY hlc, fact
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM state WHERE bad)),
settled AS (
  SELECT root, id, cycle, min(day) AS opened, max(until) AS until, rid FROM island GROUP BY root, id, cycle),
-- the first record of all, and the one that made it registered
begun AS MATERIALIZED (
  SELECT a.*, (SELECT min(r.hlc) FROM stored_record r WHERE r.subject = a.id AND r.class < 5
                  AND (NOT a.registered OR r.form IN (
                    'archive.check', 'assign.set', 'check.education', 'check.income', 'check.medical', 'exit.step',
                    'house.work', 'inspect.env', 'inspect.housing', 'inspect.water', 'lookback.relocation',
                    'measure.plan', 'need.job', 'visit.household', a.facts))) AS hlc,
         (SELECT r.hlc FROM stored_record r WHERE r.subject = a.id AND r.form = a.facts
           ORDER BY r.hlc, r.id LIMIT 1) AS first,
         (SELECT r.author FROM stored_record r WHERE r.subject = a.id AND r.form = a.facts
           ORDER BY r.hlc, r.id LIMIT 1) AS author
    FROM (SELECT *, iif(kind = 'person', 'person.facts', 'hh.facts') AS facts FROM about) a
   WHERE NOT a.registered OR EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form < a.facts)
      OR EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form > a.facts)
      OR EXISTS (SELECT 1 FROM record r WHERE r.subject = a.id AND r.form = a.facts LIMIT 1 OFFSET 1)),
named AS (
  SELECT root, id, registered, hlc, CASE
      WHEN NOT registered THEN NULL
      WHEN author = 'zoufang' THEN first
      WHEN kind = 'person' THEN (SELECT min(r.hlc) FROM stored_record r
        WHERE r.subject = b.id AND r.form = b.facts AND r.body ->> '$.data.op' = 'add')
      ELSE max((SELECT min(r.hlc) FROM stored_record r WHERE r.subject = b.id AND r.form = b.facts
                   AND r.body ->> '$.data.set.group' IS NOT NULL),
               (SELECT min(r.hlc) FROM stored_record r WHERE r.subject = b.id AND r.form = b.facts
                   AND r.body ->> '$.data.set.hh_type' IS NOT NULL),
               (SELECT min(r.hlc) FROM stored_record r WHERE r.subject = b.id AND r.form = b.facts
                   AND r.body ->> '$.data.set.poverty_status' IS NOT NULL)) END AS reg
    FROM begun b),
told AS (
  SELECT s.root, s.id, NULL AS part, s.cycle, s.opened, nullif(s.until, '9999') AS closed, s.rid AS cause
    FROM settled s CROSS JOIN about a ON a.id = s.id
   WHERE s.until < '9999' OR a.conflicts <> '[]'
  UNION ALL
  SELECT a.root, a.id, NULL, 1 + (SELECT count(*) FROM settled s WHERE s.id = a.id), (
      SELECT min(date(substr(max(x.value ->> '$.winner.hlc', x.value ->> '$.loser.hlc'), 1, 19), '+8 hours'))
        FROM json_each(a.conflicts) x), NULL, NULL
    FROM about a WHERE a.conflicts <> '[]' AND NOT EXISTS (
      SELECT 1 FROM settled s WHERE s.id = a.id AND s.until = '9999')
  UNION ALL
  SELECT root, id, 'reg', 1, hlc_day(hlc), hlc_day(reg), NULL
    FROM named WHERE hlc IS NOT NULL AND (NOT registered OR reg > hlc))
SELECT root AS subject, 'fault.conflict' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', part, 'about', id, 'cycle', cycle, 'opened', opened,
         'closed', closed, 'cause', id_text(cause),
         'zh', iif(part = 'reg', '补登记:未登记的户或成员', '核实数据:两人填报不一致'),
         'en', iif(part = 'reg', 'Register: household or member not known',
                                 'Check the data: two cadres disagree'))) AS doc
  FROM (SELECT * FROM told ORDER BY root, id, part, cycle) GROUP BY root
