-- view: dq-count
-- level: household
-- forms: check.income inspect.water archive.check
-- reads: members
-- keeps: fault.count
-- dq6: a check names another number of persons than the household had when it was written, until the
-- numbers agree: by a newer check of the kind, or by a member who came or left.
WITH word(name) AS (VALUES ('members'), ('persons'), ('population'), ('人口'), ('人口数'), ('家庭人口'),
  ('家庭人口数'), ('成员'), ('家庭成员')),
checked AS MATERIALIZED (
  SELECT c.subject, r.form, r.hlc, r.id AS rid, hlc_day(r.hlc) AS day, iif(r.form = 'archive.check', (
           SELECT CAST(m.value ->> '$.archive' AS INTEGER)
             FROM json_each(unsealed(r.body), '$.data.mismatches') m
            WHERE lower(m.value ->> '$.field') IN (SELECT name FROM word)
              AND m.value ->> '$.archive' GLOB '[0-9]*' LIMIT 1), r.body ->> '$.data.persons') AS persons
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form IN ('check.income', 'inspect.water', 'archive.check')
   WHERE substr(c.subject, 14) <> '00-0000'),
member AS MATERIALIZED (
  SELECT k.subject, coalesce(m.value ->> '$.since', 0) AS since,
         coalesce(m.value ->> '$.left', 9223372036854775807) AS gone
    FROM (SELECT DISTINCT subject FROM checked) k
    CROSS JOIN ledger l ON l.subject = k.subject AND l.view = 'members'
    CROSS JOIN json_each(unsealed(l.doc)) m),
counted AS MATERIALIZED (
  SELECT *, lead(day) OVER (PARTITION BY subject, form ORDER BY hlc, rid) AS next FROM (
    SELECT k.*, count(m.subject) AS members
      FROM checked k LEFT JOIN member m ON m.subject = k.subject AND m.since <= k.hlc AND m.gone > k.hlc
     GROUP BY k.rid)),
unlike AS MATERIALIZED (SELECT * FROM counted WHERE persons <> members AND members > 0),
turn AS MATERIALIZED (
  SELECT t.subject, t.hlc, (SELECT count(*) FROM member m WHERE m.subject = t.subject
                               AND m.since <= t.hlc AND m.gone > t.hlc) AS members
    FROM (SELECT subject, since AS hlc FROM member
          UNION SELECT subject, gone FROM member WHERE gone < 9223372036854775807) t
   WHERE t.subject IN (SELECT subject FROM unlike)),
wrong AS (
  SELECT subject, day, rid, hlc, min(coalesce(next, '9999'), coalesce((
           SELECT hlc_day(min(t.hlc)) FROM turn t
            WHERE t.subject = k.subject AND t.hlc > k.hlc AND t.members = k.persons), '9999')) AS until
    FROM unlike k),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY subject ORDER BY hlc, rid) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY subject ORDER BY hlc, rid
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM wrong))
SELECT subject, 'fault.count' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', 'dq6', 'cycle', cycle, 'opened', opened,
         'closed', nullif(until, '9999'), 'cause', id_text(rid),
         'zh', '核实数据:人口数与登记的家庭成员不符',
         'en', 'Check the data: the number of persons is not that of the members')) AS doc
  FROM (SELECT subject, cycle, min(day) AS opened, max(until) AS until, rid, min(hlc)
          FROM island GROUP BY subject, cycle ORDER BY subject, cycle)
 GROUP BY subject
