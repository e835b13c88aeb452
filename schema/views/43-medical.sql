-- view: medical
-- level: household
-- forms: hh.facts person.facts exit.step check.medical
-- reads: members instants
-- names: check.medical
-- keeps: at.medical medical gap.medical
-- Everybody is insured, by this year's newest check that names every member of the household exactly
-- once and nobody of another; what members' facts say later counts more. `medical`: {"day", "insured", "members",
-- "oop_yuan"} of the newest such check, "uninsured" [{"person", "cycle", "opened", "closed", "cause"}]
-- and "holes" [{"cycle", "opened", "closed", "cause"}]: checks without effect, until the next one
-- that had every member of its time. Who is uninsured since when is told without checks of a year
-- before that of an earlier one, or still to come. `gap.medical`: [{"from", "to"}].
WITH checked AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.year' AS year,
         unsealed(r.body) ->> '$.data.oop_yuan' AS oop, unsealed(r.body) AS body
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'check.medical'),
named AS MATERIALIZED (
  SELECT k.subject, k.hlc, k.id, m.value ->> '$.person' AS person, max(m.value ->> '$.insured') AS insured,
         count(*) AS times
    FROM checked k CROSS JOIN json_each(k.body, '$.data.members') m GROUP BY k.id, m.value ->> '$.person'),
alien AS MATERIALIZED (
  SELECT DISTINCT id FROM named WHERE substr(person, 1, length(subject) + 1) <> subject || '-'),
flagged AS MATERIALIZED (
  SELECT c.subject, l.doc FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'members'
   WHERE c.subject IN (SELECT subject FROM checked) OR instr(l.doc, '"uninsured":1') > 0),
member AS MATERIALIZED (
  SELECT f.subject, m.value ->> '$.id' AS id, coalesce(m.value ->> '$.since', 0) AS since,
         coalesce(m.value ->> '$.left', 9223372036854775807) AS gone
    FROM flagged f CROSS JOIN json_each(unsealed(f.doc)) m),
instant AS MATERIALIZED (
  SELECT subject, '' AS key, today() AS day, 9223372036854775806 AS hlc FROM flagged
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.day', i.value ->> '$.hlc'
    FROM flagged s CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
-- which checks name every member of their own time once, and nobody of another household
whole AS MATERIALIZED (
  SELECT k.*, k.id NOT IN (SELECT id FROM alien) AND NOT EXISTS (
      SELECT 1 FROM member m WHERE m.subject = k.subject AND m.since <= k.hlc AND m.gone > k.hlc
         AND coalesce((SELECT n.times FROM named n WHERE n.id = k.id AND n.person = m.id), 0) <> 1) AS whole
    FROM checked k),
hole AS MATERIALIZED (
  SELECT subject, day, id, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS cycle, until FROM (
    SELECT *, min(iif(whole, day, NULL)) OVER (PARTITION BY subject ORDER BY hlc, id
             ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until FROM whole)
   WHERE NOT whole),
-- the newest at each instant that has every member of that instant
used AS MATERIALIZED (
  SELECT i.subject, i.key, i.hlc AS at, k.id, k.hlc, k.day, k.oop,
         k.year = CAST(substr(i.day, 1, 4) AS INTEGER) AS valid,
         row_number() OVER (PARTITION BY i.subject, i.key ORDER BY k.year DESC, k.hlc DESC, k.id DESC) AS nth
    FROM instant i CROSS JOIN checked k ON k.subject = i.subject AND k.hlc <= i.hlc
     AND k.year <= CAST(substr(i.day, 1, 4) AS INTEGER)
   WHERE k.id NOT IN (SELECT id FROM alien) AND NOT EXISTS (
      SELECT 1 FROM member m WHERE m.subject = i.subject AND m.since <= i.hlc AND m.gone > i.hlc
         AND coalesce((SELECT n.times FROM named n WHERE n.id = k.id AND n.person = m.id), 0) <> 1)),
fact AS MATERIALIZED (
  SELECT m.subject, m.id AS person, r.hlc, r.id, r.body ->> '$.data.set.insured' AS insured
    FROM member m CROSS JOIN stored_record r ON r.subject = m.id AND r.form = 'person.facts'
   WHERE r.body ->> '$.data.set.insured' IS NOT NULL),
count AS MATERIALIZED (
  SELECT u.subject, u.key, u.day, u.valid, u.oop, count(*) AS members, sum(coalesce((
             SELECT f.insured FROM fact f WHERE f.person = m.id AND f.hlc > u.hlc AND f.hlc <= u.at
              ORDER BY f.hlc DESC, f.id DESC LIMIT 1),
           (SELECT n.insured FROM named n WHERE n.id = u.id AND n.person = m.id))) AS insured
    FROM used u CROSS JOIN member m ON m.subject = u.subject AND m.since <= u.at AND m.gone > u.at
   WHERE u.nth = 1 GROUP BY u.subject, u.key),
state AS MATERIALIZED (
  SELECT *, CASE WHEN NOT valid THEN 'stale' WHEN insured = members THEN 'ok' ELSE 'gap' END AS state
    FROM count),
-- each member: insured or not, said by checks that had everybody and by facts
fresh AS MATERIALIZED (
  SELECT * FROM (
    SELECT *, max(year) OVER (PARTITION BY subject ORDER BY hlc, id ROWS UNBOUNDED PRECEDING) AS newest
      FROM whole WHERE whole AND year <= CAST(substr(day, 1, 4) AS INTEGER))
   WHERE year = newest),
event AS MATERIALIZED (
  SELECT w.subject, n.person, w.hlc, w.id, n.insured
    FROM fresh w CROSS JOIN named n ON n.id = w.id WHERE n.times = 1
  UNION ALL
  SELECT subject, person, hlc, id, insured FROM fact),
lack AS MATERIALIZED (
  SELECT v.subject, v.person, hlc_day(v.hlc) AS day, v.id,
         row_number() OVER (PARTITION BY v.person ORDER BY v.hlc, v.id) AS cycle,
         nullif(min(coalesce(v.until, '9999'), coalesce(hlc_day(nullif(m.gone, 9223372036854775807)), '9999')),
                '9999') AS until
    FROM (
      SELECT *, lag(insured, 1, 1) OVER w AS before,
             hlc_day(min(iif(insured, hlc, NULL)) OVER (
               w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) AS until
        FROM event WINDOW w AS (PARTITION BY person ORDER BY hlc, id)) v
    CROSS JOIN member m ON m.id = v.person
   WHERE NOT v.insured AND v.before AND m.gone > v.hlc)
SELECT subject, 'check.medical' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state, 'insured', insured, 'members', members, 'day', day) AS doc
  FROM state WHERE key = ''
UNION ALL
SELECT subject, 'at.medical', NULL, NULL, NULL, json_group_object(key, state)
  FROM (SELECT * FROM state WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL
SELECT f.subject, 'medical', NULL, NULL, NULL,
       json_object('day', s.day, 'insured', s.insured, 'members', s.members, 'oop_yuan', s.oop,
    'uninsured', (
    SELECT json_group_array(json_object('person', person, 'cycle', cycle, 'opened', day,
                                        'closed', until, 'cause', id_text(id)))
      FROM (SELECT * FROM lack o WHERE o.subject = f.subject ORDER BY o.person, o.cycle)),
    'holes', (
    SELECT json_group_array(json_object('cycle', cycle, 'opened', day, 'closed', until,
                                        'cause', id_text(id)))
      FROM (SELECT * FROM hole o WHERE o.subject = f.subject ORDER BY o.cycle)))
  FROM flagged f LEFT JOIN state s ON s.subject = f.subject AND s.key = ''
UNION ALL
SELECT subject, 'gap.medical', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('from', day, 'to', until))
      FROM (SELECT * FROM lack o WHERE o.subject = d.subject ORDER BY o.day, o.until, o.person))
  FROM lack d GROUP BY subject
