-- view: dq-facts
-- level: household
-- forms: hh.facts person.facts check.education
-- reads: status
-- keeps: fault.facts dq.id.0 dq.id.1 dq.id.2 dq.id.3 dq.id.4 dq.id.5 dq.id.6 dq.id.7 dq.id.8 dq.id.9 dq.id.10 dq.id.11 dq.id.12 dq.id.13 dq.id.14 dq.id.15
-- What the facts of a household and its members say that cannot be, from the record that said it to
-- the record that mended it. Facts are followed record by record only where more than one wrote them.
-- dq2: a public employee, a dear vehicle, another home or a business while the household counts as poor; dq5d: a
-- member recorded as dead who is current again; type, cause: what the form asks of one record (type and status
-- of a household agree, a cause stands once) of what two said; dq7: an age that does not go with what the member is;
-- dq8: disabled without a certificate, or the other way round; head: not exactly one head; named: whom
-- the household's facts name as its head is none by the member's own. Members with an ID number lie
-- under it besides (`dq.id.*`), with the days between which they had it as members.
WITH RECURSIVE
-- hot: somebody was recorded more than once
home AS MATERIALIZED (
  SELECT c.subject, e.doc, EXISTS (SELECT 1 FROM record r WHERE r.subject = c.subject
                                    AND r.form = 'hh.facts' LIMIT 1 OFFSET 1) AS edited,
         EXISTS (SELECT 1 FROM record r WHERE r.subject > c.subject || '-' AND r.subject < c.subject || '.'
                    AND r.form IN ('person.facts', 'check.education')
                  GROUP BY r.subject HAVING count(*) > 1 OR max(r.form = 'check.education')) AS hot
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'),
person AS MATERIALIZED (
  SELECT h.subject, p.id, unsealed(p.doc) AS doc, h.hot AND (
         EXISTS (SELECT 1 FROM record r WHERE r.subject = p.id AND r.form = 'person.facts' LIMIT 1 OFFSET 1)
         OR EXISTS (SELECT 1 FROM record r WHERE r.subject = p.id AND r.form = 'check.education')) AS edited
    FROM home h CROSS JOIN entity p
      ON p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.'
   WHERE p.gone = ''),
-- what a record set, as a patch of the facts; `dead`: the last leave was a death
step AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY hlc, rid) AS n FROM (
    SELECT h.subject, h.subject AS id, r.hlc, r.id AS rid, unsealed(r.body) -> '$.data.set' AS patch
      FROM home h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'hh.facts'
     WHERE h.edited
    UNION ALL
    SELECT q.subject, q.id, r.hlc, r.id, CASE
             WHEN r.form = 'check.education' THEN json_object('student', r.body ->> '$.data.student')
             WHEN r.body ->> '$.data.op' = 'leave'
             THEN json_object('status', 'left',
                              'dead', iif(r.body ->> '$.data.leave_reason' = 'death', 1, NULL))
             WHEN r.body ->> '$.data.op' = 'add'
             THEN json_set(coalesce(unsealed(r.body) -> '$.data.set', '{}'), '$.status', 'current')
             ELSE json_remove(coalesce(unsealed(r.body) -> '$.data.set', '{}'), '$.status') END
      FROM person q CROSS JOIN stored_record r
        ON r.subject = q.id AND r.form IN ('person.facts', 'check.education')
     WHERE q.edited)),
fold(subject, id, n, doc) AS (
  SELECT DISTINCT subject, id, 0, '{}' FROM step
  UNION ALL
  SELECT f.subject, f.id, s.n, json_patch(f.doc, s.patch)
    FROM fold f CROSS JOIN step s ON s.id = f.id AND s.n = f.n + 1),
-- what was so, from when until when ('9999': still); day NULL: since the only record
said AS MATERIALIZED (
  SELECT subject, id, n, hlc, rid, day, until, coalesce(doc ->> '$.status', 'current') = 'current' AS here,
         doc ->> '$.dead' AS dead, doc ->> '$.id_no' AS id_no, doc ->> '$.birth' AS birth, doc ->> '$.relation' AS relation,
         doc ->> '$.student' AS student, doc ->> '$.labour' IN ('skilled', 'ordinary') AS works,
         (doc ->> '$.health' = 'disabled') <> (doc ->> '$.disabled_cert') AS cert_differs
    FROM (
      SELECT subject, id, 1 AS n, NULL AS hlc, NULL AS rid, NULL AS day, '9999' AS until, doc
        FROM person WHERE NOT edited
      UNION ALL
      SELECT f.subject, f.id, f.n, s.hlc, s.rid, hlc_day(s.hlc),
             coalesce(hlc_day(lead(s.hlc) OVER (PARTITION BY f.id ORDER BY f.n)), '9999'), f.doc
        FROM fold f CROSS JOIN step s ON s.id = f.id AND s.n = f.n WHERE f.id <> f.subject)),
head AS MATERIALIZED (
  SELECT subject, max(birth) AS birth, count(*) AS n FROM said
   WHERE until = '9999' AND here AND relation = 'head' GROUP BY subject),
-- the numbers of those who are members, and the days of their deaths
bearer AS MATERIALIZED (
  SELECT subject, id, id_no, row_number() OVER (PARTITION BY subject ORDER BY id, id_no) AS k,
         json_group_array(json_array(day, until)) FILTER (WHERE here AND day < until) AS spans,
         max(iif(dead AND NOT here, day, NULL)) AS dead
    FROM (SELECT a.subject, a.id, upper(a.id_no) AS id_no, a.here, a.dead, a.until,
                 coalesce(a.day, (SELECT hlc_day(min(r.hlc)) FROM stored_record r
                                   WHERE r.subject = a.id AND r.form = 'person.facts')) AS day
            FROM said a WHERE a.id_no <> '' ORDER BY a.id, a.n)
   GROUP BY subject, id, id_no),
-- too young until a birthday, too old from one, where the year leaves it open at all
age AS MATERIALIZED (
  SELECT subject, id, n, rid, day, until, beside_head, date(birth, '+' || least || ' years') AS young,
         date(birth, '+' || (CASE student WHEN 'preschool' THEN 9 WHEN 'primary' THEN 17
           WHEN 'junior' THEN 21 WHEN 'senior' THEN 26 WHEN 'vocational' THEN 31
           WHEN 'higher' THEN 31 ELSE 200 END) || ' years') AS old
    FROM (
      SELECT a.*, max(
               CASE a.student WHEN 'preschool' THEN 3 WHEN 'primary' THEN 5 WHEN 'junior' THEN 10
                    WHEN 'senior' THEN 13 WHEN 'vocational' THEN 13 WHEN 'higher' THEN 15 ELSE 0 END,
               CASE a.relation WHEN 'spouse' THEN 16 WHEN 'child_spouse' THEN 16 WHEN 'parent' THEN 26
                    WHEN 'grandparent' THEN 40 ELSE 0 END, iif(a.works, 16, 0)) AS least,
             CASE a.relation WHEN 'child' THEN a.birth <= h.birth
                  WHEN 'grandchild' THEN a.birth <= date(h.birth, '+20 years')
                  WHEN 'parent' THEN a.birth >= h.birth
                  WHEN 'grandparent' THEN a.birth >= date(h.birth, '-20 years') END AS beside_head
        FROM said a LEFT JOIN head h ON h.subject = a.subject
       WHERE a.here)
   WHERE substr(birth, 1, 4) + least >= substr(coalesce(day, '2014'), 1, 4) + 0 OR student IS NOT NULL OR beside_head),
own AS MATERIALIZED (
  SELECT subject, subject AS id, 1 AS n, NULL AS rid, NULL AS day, '9999' AS until, doc FROM home WHERE NOT edited
  UNION ALL
  SELECT f.subject, f.id, f.n, s.rid, hlc_day(s.hlc),
         coalesce(hlc_day(lead(s.hlc) OVER (PARTITION BY f.id ORDER BY f.n)), '9999'), f.doc
    FROM fold f CROSS JOIN step s ON s.id = f.id AND s.n = f.n WHERE f.id = f.subject),
-- times in which whom a household names as its head was none
misnamed AS MATERIALIZED (
  SELECT o.subject, o.id, o.n, o.rid, a.id AS person, o.day, a.day AS told, min(o.until, a.until) AS until
    FROM own o CROSS JOIN said a ON a.id = o.doc ->> '$.head'
   WHERE a.subject = o.subject AND NOT (a.here AND a.relation IS 'head') AND a.relation IS NOT NULL),
-- with means of its own, poor by its facts; and what it counted as (the mark of an exit is no fact)
means AS MATERIALIZED (
  SELECT subject, id, n, rid, day, until FROM own
   WHERE doc ->> '$.poverty_status' IN ('not_exited', 'planned_exit', 'returned')
     AND (doc ->> '$.public_employee' OR doc ->> '$.other_home' OR doc ->> '$.business_reg'
          OR doc ->> '$.vehicle_yuan' >= param('dq.vehicle_yuan') + 0)),
counted AS MATERIALIZED (
  SELECT m.subject, coalesce(x.value ->> '$.status', l.doc ->> '$.status') AS status, coalesce(x.value ->> '$.day', '') AS day,
         coalesce(lead(x.value ->> '$.day') OVER (PARTITION BY m.subject ORDER BY x.key), '9999') AS until
    FROM (SELECT DISTINCT subject FROM means) m
    CROSS JOIN ledger l ON l.subject = m.subject AND l.view = 'status'
    LEFT JOIN json_each(l.doc, '$.turns') x),
wrong AS (
  SELECT m.subject, m.id, m.n, m.rid, m.day, m.until, 'dq2' AS dq, k.until AS young, k.day AS old
    FROM means m CROSS JOIN counted k ON k.subject = m.subject
   WHERE k.status IN ('not_exited', 'planned_exit', 'returned') AND k.day < min(k.until, m.until)
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'type', '', '' FROM own
   WHERE day IS NOT NULL AND doc ->> '$.poverty_status' NOT IN ('returned', 'removed')
     AND (doc ->> '$.hh_type' = 'ordinary') <> (doc ->> '$.poverty_status' = 'none')
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'cause', '', '' FROM own
   WHERE day IS NOT NULL AND EXISTS (
     SELECT 1 FROM json_each(doc, '$.other_causes') x WHERE x.value = doc ->> '$.main_cause')
  UNION ALL
  SELECT * FROM (
    SELECT subject, id, n, rid, max(
             coalesce(day, (SELECT hlc_day(min(r.hlc)) FROM stored_record r
                             WHERE r.subject = m.subject AND r.form = 'hh.facts')),
             coalesce(told, (SELECT hlc_day(min(r.hlc)) FROM stored_record r
                              WHERE r.subject = m.person AND r.form = 'person.facts'))) AS day,
           until, 'named', '', '' FROM misnamed m)
   WHERE day < until
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'dq8', '', '' FROM said WHERE here AND cert_differs
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'dq5d', '', '' FROM said WHERE here AND dead
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'dq7', '', '' FROM age WHERE beside_head
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'dq7', young, '' FROM age
   WHERE young > coalesce(day, '2014') -- no record is older
  UNION ALL
  SELECT subject, id, n, rid, day, until, 'dq7', '', old FROM age WHERE old <= min(until, today())),
span AS (
  SELECT w.subject, w.id, w.dq, w.n, w.rid, max(w.since, w.old) AS day,
         min(w.until, iif(w.young = '' OR w.young > today(), '9999', w.young)) AS until
    FROM (
      SELECT *, coalesce(day, (SELECT hlc_day(min(r.hlc)) FROM stored_record r
                                WHERE r.subject = x.id AND r.form = iif(x.id = x.subject, 'hh.facts', 'person.facts')))
               AS since
        FROM wrong x) w
   WHERE w.since IS NOT NULL AND (w.young = '' OR w.young > w.since)),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY id, dq ORDER BY day, n) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY id, dq ORDER BY day, n
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM span)),
-- the number of heads, where it may not be one
odd AS MATERIALIZED (
  SELECT h.subject FROM home h LEFT JOIN head d ON d.subject = h.subject
   WHERE d.n IS NOT 1 OR (h.hot AND EXISTS (SELECT 1 FROM person q WHERE q.subject = h.subject AND q.edited))),
turn AS (
  SELECT subject, hlc, max(rid) AS rid, sum(sum(head)) OVER w AS heads, sum(sum(here)) OVER w AS people
    FROM (
      SELECT subject, hlc, rid, here - lag(here, 1, 0) OVER w AS here, head - lag(head, 1, 0) OVER w AS head
        FROM (
          SELECT a.subject, a.id, coalesce(a.hlc, r.hlc) AS hlc, coalesce(a.rid, r.id) AS rid,
                 a.here AND a.relation IS NOT NULL AS here, a.here AND coalesce(a.relation = 'head', 0) AS head
            FROM odd o CROSS JOIN said a ON a.subject = o.subject
            LEFT JOIN stored_record r ON a.hlc IS NULL AND r.subject = a.id AND r.form = 'person.facts')
       WHERE hlc IS NOT NULL WINDOW w AS (PARTITION BY id ORDER BY hlc, rid))
   GROUP BY subject, hlc WINDOW w AS (PARTITION BY subject ORDER BY hlc)),
lasted AS (
  SELECT *, lead(day) OVER (PARTITION BY subject ORDER BY hlc) AS until FROM (
    SELECT subject, hlc, rid, hlc_day(hlc) AS day, heads <> 1 AND people > 0 AS bad,
           lag(heads <> 1 AND people > 0, 1, 0) OVER (PARTITION BY subject ORDER BY hlc) AS before
      FROM turn) WHERE bad <> before),
told AS (
  SELECT subject, id, dq, cycle, min(day) AS opened, nullif(max(until), '9999') AS closed, min(n) AS n, rid AS cause
    FROM island GROUP BY subject, id, dq, cycle
  UNION ALL
  SELECT subject, subject, 'head', row_number() OVER (PARTITION BY subject ORDER BY hlc), day, until, 0, rid
    FROM lasted WHERE bad AND until IS NOT day)
SELECT subject, 'fault.facts' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', dq, 'about', id, 'cycle', cycle, 'opened', opened,
         'closed', closed, 'cause', id_text(coalesce(cause, (
           SELECT r.id FROM stored_record r WHERE r.subject = t.id
              AND r.form = iif(t.id = t.subject, 'hh.facts', 'person.facts') ORDER BY r.hlc LIMIT 1))),
         'zh', zh, 'en', en)) AS doc
  FROM (SELECT *, CASE dq WHEN 'dq2' THEN '核实数据:贫困户有车、有房、经商或财政供养人员'
                          WHEN 'dq5d' THEN '核实数据:已登记死亡的成员仍在户'
                          WHEN 'type' THEN '核实数据:户类型与贫困状态不一致'
                          WHEN 'cause' THEN '核实数据:其他致贫原因与主要致贫原因重复'
                          WHEN 'dq7' THEN '核实数据:年龄与关系、学业或劳动能力不符'
                          WHEN 'dq8' THEN '核实数据:健康状况与残疾证不符'
                          WHEN 'named' THEN '核实数据:户主与家庭成员关系不符'
                          ELSE '核实数据:户主应有且只有一人' END AS zh,
               CASE dq WHEN 'dq2' THEN 'Check the data: a poor household with means of its own'
                       WHEN 'type' THEN 'Check the data: type and poverty status do not agree'
                       WHEN 'cause' THEN 'Check the data: the main cause stands among the others too'
                       WHEN 'dq5d' THEN 'Check the data: a member recorded as dead is current'
                       WHEN 'dq7' THEN 'Check the data: the age does not fit'
                       WHEN 'dq8' THEN 'Check the data: disabled and certificate do not agree'
                       WHEN 'named' THEN 'Check the data: the head named is not the head among the members'
                       ELSE 'Check the data: not exactly one head' END AS en
          FROM told ORDER BY subject, id, dq, cycle) t
 GROUP BY subject
UNION ALL
SELECT subject, 'dq.id.' || (k % 16), 'id:' || id_no, NULL, NULL,
       json_object('on', id, 'dead', dead, 'spans', json(spans))
  FROM bearer WHERE k <= 16
