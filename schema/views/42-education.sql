-- view: education
-- level: household
-- forms: hh.facts person.facts exit.step check.education register.cadre
-- reads: population members instants
-- names: check.education
-- keeps: at.education education gap.education
-- No member aged 6 to 15 is out of school, unless unfit for it by health, which counts once the
-- township (TW) has recorded it too, until a check says otherwise. What a member is, was said last by a
-- check or a member's facts. `education`: "dropouts" [{"person", "cycle", "opened", "closed",
-- "cause"}] and "misfits" [{"person", "cycle", "opened", "closed", "cause"}]: said to have dropped out
-- who was not 6 to 15 when the term began (1 March, 1 September). `gap.education`: [{"from", "to"}].
-- A dropout ends at the latest with the term in which the member turns 16; a gap on the sixteenth birthday,
-- and it begins on the sixth at the earliest.
-- Most households have nobody of that age and no check: they are ok without a further look.
WITH looked AS MATERIALIZED (
  SELECT c.subject, l.doc
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'members'
   WHERE mentions(l.doc, '"young":1')
      OR EXISTS (SELECT 1 FROM ledger li WHERE li.subject = c.subject AND li.view = 'instants')
      OR EXISTS (SELECT 1 FROM record r WHERE r.subject > c.subject || '-' AND r.subject < c.subject || '.'
                                          AND r.form = 'check.education')),
kid AS MATERIALIZED (
  SELECT k.subject, m.value ->> '$.id' AS id, m.value ->> '$.birth' AS birth,
         coalesce(m.value ->> '$.since', 0) AS since,
         coalesce(m.value ->> '$.left', 9223372036854775807) AS gone
    FROM looked k CROSS JOIN json_each(unsealed(k.doc)) m),
instant AS MATERIALIZED (
  SELECT k.subject, '' AS key, d.six, d.sixteen, 9223372036854775806 AS hlc
    FROM (SELECT date(today(), '-6 years') AS six, date(today(), '-16 years') AS sixteen) d CROSS JOIN looked k
  UNION ALL
  SELECT k.subject, i.value ->> '$.key', date(i.value ->> '$.day', '-6 years'), date(i.value ->> '$.day', '-16 years'),
         i.value ->> '$.hlc'
    FROM looked k CROSS JOIN ledger l ON l.subject = k.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
-- who is looked at, and when: birth unknown, or of school age
member AS MATERIALIZED (
  SELECT i.subject, i.key, i.hlc, k.id, k.birth, k.birth IS NULL
         OR (k.birth <= i.six AND k.birth > i.sixteen) AS asked
    FROM instant i CROSS JOIN kid k ON k.subject = i.subject AND k.since <= i.hlc AND k.gone > i.hlc),
pupil AS MATERIALIZED (SELECT * FROM member WHERE asked),
checked AS MATERIALIZED (
  SELECT k.subject, k.id, r.hlc, r.id AS rid, r.body ->> '$.data.student' AS student,
         r.body ->> '$.data.dropout' AS dropout, unsealed(r.body) ->> '$.data.unfit_health' AS unfit,
         CASE WHEN unsealed(r.body) ->> '$.data.unfit_health'
              THEN cadre_at(r.author, 'role', r.hlc) = 'TW' END AS tw
    FROM kid k CROSS JOIN stored_record r ON r.subject = k.id AND r.form = 'check.education'),
told AS MATERIALIZED (
  SELECT subject, id FROM pupil WHERE birth IS NOT NULL UNION SELECT subject, id FROM checked
  UNION SELECT subject, id FROM kid  -- who has turned 16 of late
   WHERE birth BETWEEN date(today(), '-17 years') AND date(today(), '-16 years')),
said AS MATERIALIZED (
  SELECT subject, id, hlc, rid, student, dropout, unfit, tw FROM checked
  UNION ALL
  SELECT o.subject, o.id, r.hlc, r.id, r.body ->> '$.data.set.student', NULL, NULL, NULL
    FROM told o CROSS JOIN stored_record r ON r.subject = o.id AND r.form = 'person.facts'
   WHERE r.body ->> '$.data.set.student' IS NOT NULL),
-- 1: out of school; 0: not, or rightly; unfit stays said until a check says otherwise
event AS MATERIALIZED (
  SELECT subject, id, hlc, rid, hlc_day(hlc) AS day, dropout, student = 'not_student' AS idle
    FROM said WHERE id NOT IN (SELECT id FROM checked)
  UNION ALL
  SELECT s.subject, s.id, s.hlc, s.rid, hlc_day(s.hlc), s.dropout,
         s.student = 'not_student' AND NOT coalesce(max(iif(s.unfit, s.tw, 0)) OVER (
           PARTITION BY s.id, s.spell ORDER BY s.hlc, s.rid), 0)
    FROM (SELECT *, sum(unfit IS 0) OVER (PARTITION BY id ORDER BY hlc, rid) AS spell
            FROM said WHERE id IN (SELECT id FROM checked)) s),
seen AS MATERIALIZED (
  SELECT p.subject, p.key, p.id, p.birth, v.idle, v.day, max(v.hlc) AS last
    FROM pupil p LEFT JOIN event v ON v.id = p.id AND v.hlc <= p.hlc GROUP BY p.key, p.id),
state AS MATERIALIZED (
  SELECT i.subject, i.key, max(n.day) AS day,
         CASE WHEN max(m.id) IS NULL THEN NULL
              WHEN max(n.idle) THEN 'gap'
              WHEN sum(n.id IS NOT NULL AND n.idle IS NULL) THEN 'unknown' ELSE 'ok' END AS state
    FROM instant i LEFT JOIN member m ON m.subject = i.subject AND m.key = i.key
    LEFT JOIN seen n ON n.key = m.key AND n.id = m.id
   GROUP BY i.subject, i.key),
-- of those who were ever out of school, with the term in which a check was made
aged AS MATERIALIZED (
  SELECT v.*, coalesce(k.birth <= date(term, '-6 years') AND k.birth > date(term, '-16 years'), 1) AS fits,
         hlc_day(nullif(k.gone, 9223372036854775807)) AS left, date(k.birth, '+6 years') AS six,
         iif(date(k.birth, '+16 years') <= today(), date(k.birth, '+16 years'), NULL) AS sixteen
    FROM (SELECT *, CASE WHEN substr(day, 6) < '03-01' THEN (substr(day, 1, 4) - 1) || '-09-01'
                         WHEN substr(day, 6) < '09-01' THEN substr(day, 1, 4) || '-03-01'
                         ELSE substr(day, 1, 4) || '-09-01' END AS term
            FROM event WHERE id IN (SELECT id FROM event WHERE idle OR dropout)) v
    CROSS JOIN kid k ON k.id = v.id),
dropout AS MATERIALIZED (
  SELECT subject, id, day, rid, until, row_number() OVER (PARTITION BY id ORDER BY hlc, rid) AS cycle
    FROM (
      SELECT *, lag(turn, 1, 0) OVER w AS before,
             min(iif(turn, NULL, day)) OVER (w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
        FROM (SELECT *, coalesce(dropout AND idle, 0) AS turn FROM aged
               WHERE (dropout AND idle AND fits) OR NOT idle)
      WINDOW w AS (PARTITION BY id ORDER BY hlc, rid))
   WHERE turn AND NOT before),
misfit AS MATERIALIZED (
  SELECT subject, id, day, rid, row_number() OVER (PARTITION BY id ORDER BY hlc, rid) AS cycle,
         (SELECT min(x.day) FROM aged x WHERE x.id = d.id AND (x.hlc, x.rid) > (d.hlc, d.rid)
             AND x.dropout IS NOT NULL AND (NOT x.dropout OR x.fits)) AS until
    FROM aged d WHERE dropout AND NOT fits),
gap AS MATERIALIZED (
  SELECT subject, max(day, coalesce(six, day)) AS day,
         min(coalesce(until, '9999'), coalesce(left, '9999'), coalesce(sixteen, '9999')) AS until FROM (
      SELECT *, lag(idle, 1, 0) OVER w AS before,
             min(iif(idle, NULL, day)) OVER (w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
        FROM aged WINDOW w AS (PARTITION BY id ORDER BY hlc, rid))
   WHERE idle AND NOT before AND coalesce(six, day) <= today()
     AND max(day, coalesce(six, day)) < coalesce(sixteen, '9999')
     AND (six IS NULL OR until IS NULL OR six < until) AND (six IS NULL OR left IS NULL OR six < left))
SELECT subject, 'check.education' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state, 'day', day) AS doc
  FROM state WHERE key = '' AND state IS NOT NULL
UNION ALL
SELECT c.subject, 'check.education', NULL, NULL, NULL, json_object('state', 'ok', 'day', NULL)
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'population'
 WHERE l.num > 0 AND c.subject NOT IN (SELECT subject FROM looked)
UNION ALL
SELECT subject, 'at.education', NULL, NULL, NULL, json_group_object(key, coalesce(state, 'unknown'))
  FROM (SELECT * FROM state WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL
SELECT d.subject, 'education', NULL, NULL, NULL, json_object('dropouts', (
    SELECT json_group_array(json_object('person', o.id, 'cycle', o.cycle, 'opened', o.day,
             'closed', nullif(min(coalesce(o.until, '9999'), coalesce(k.left, '9999'),
                           iif(k.term <= today(), k.term, '9999')), '9999'),
             'cause', id_text(o.rid)))
      FROM (SELECT * FROM dropout y WHERE y.subject = d.subject ORDER BY y.id, y.cycle) o
      JOIN (SELECT id, hlc_day(nullif(gone, 9223372036854775807)) AS left,
                   substr(date(birth, '+16 years', CASE WHEN substr(date(birth, '+16 years'), 6) > '09-01'
                                                        THEN '+1 year' ELSE '+0 days' END), 1, 4)
                   || iif(substr(date(birth, '+16 years'), 6) > '03-01'
                          AND substr(date(birth, '+16 years'), 6) <= '09-01', '-09-01', '-03-01') AS term
              FROM kid) k ON k.id = o.id),
    'misfits', (
    SELECT json_group_array(json_object('person', id, 'cycle', cycle, 'opened', day, 'closed', until,
                                        'cause', id_text(rid)))
      FROM (SELECT * FROM misfit y WHERE y.subject = d.subject ORDER BY y.id, y.cycle)))
  FROM (SELECT subject FROM dropout UNION SELECT subject FROM misfit) d
UNION ALL
SELECT d.subject, 'gap.education', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('from', day, 'to', nullif(until, '9999')))
      FROM (SELECT * FROM gap y WHERE y.subject = d.subject ORDER BY y.day, y.until))
  FROM gap d GROUP BY d.subject
