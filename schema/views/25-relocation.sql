-- view: relocation
-- level: household
-- forms: hh.facts person.facts lookback.relocation
-- reads: members
-- names: reloc reloc.natural
-- keeps: relocation fault.relocation
-- Relocated persons are the members that the county flagged; who left since stays in the count (and is
-- told apart, as natural change), so that it never shrinks. The newest look-back that names no more
-- persons than are flagged counts, its persons once; one that names more asks to look at the data. The
-- look-back is for who moved in the years relocation.from_year to .to_year, or in a year unknown (`asked`).
WITH flagged AS MATERIALIZED (
  SELECT l.subject, sum(q.value ->> '$.relocated') AS persons,
         sum(q.value ->> '$.relocated' AND q.value ->> '$.left' IS NOT NULL) AS departed
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'members'
     AND mentions(l.doc, '"relocated":1')
    CROSS JOIN json_each(unsealed(l.doc)) q GROUP BY l.subject),
looked AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.persons' AS persons
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form = 'lookback.relocation'),
ev AS MATERIALIZED (
  SELECT v.*, v.persons <= coalesce(f.persons, 0) AS fits,
         sum(v.persons <= coalesce(f.persons, 0)) OVER (PARTITION BY v.subject ORDER BY v.hlc, v.id) AS turn
    FROM looked v LEFT JOIN flagged f ON f.subject = v.subject),
home AS MATERIALIZED (
  SELECT c.subject, e.place, f.persons, f.departed,
         e.doc ->> '$.relocated_year' IS NULL
           OR (e.doc ->> '$.relocated_year' >= coalesce(param('relocation.from_year') + 0, 0)
               AND e.doc ->> '$.relocated_year' <= coalesce(param('relocation.to_year') + 0, 9999)) AS asked
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
    LEFT JOIN flagged f ON f.subject = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'
     AND (f.persons > 0 OR (mentions(e.doc, 'relocated_year') AND e.doc ->> '$.relocated_year' IS NOT NULL))),
-- the first and the newest look-back that has effect
effective AS MATERIALIZED (
  SELECT subject, persons, min(day) OVER (PARTITION BY subject) AS first,
         row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS k
    FROM ev WHERE fits),
misfit AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY turn) AS cycle,
         (SELECT x.day FROM ev x WHERE x.subject = s.subject AND x.fits AND x.turn = s.turn + 1) AS closed
    FROM (SELECT *, row_number() OVER (PARTITION BY subject, turn ORDER BY hlc, id) AS k
            FROM ev WHERE NOT fits) s
   WHERE k = 1)
SELECT h.subject, 'reloc' AS name, h.place, coalesce(v.persons, 0) AS num, h.persons AS den, '{}' AS doc
  FROM home h LEFT JOIN effective v ON v.subject = h.subject AND v.k = 1
 WHERE h.asked AND h.persons > 0
UNION ALL
SELECT subject, 'reloc.natural', place, departed, NULL, '{}' FROM home WHERE asked AND departed > 0
UNION ALL
SELECT h.subject, 'relocation', NULL, NULL, NULL, json_object('since', (
           SELECT min(hlc_day(hlc)) FROM (
             SELECT min(r.hlc) AS hlc FROM stored_record r
              WHERE r.subject = h.subject AND r.form = 'hh.facts'
                AND r.body ->> '$.data.set.relocated_year' IS NOT NULL
             UNION ALL
             SELECT min(r.hlc) FROM stored_record r
              WHERE r.subject > h.subject || '-' AND r.subject < h.subject || '.'
                AND r.form = 'person.facts' AND r.body ->> '$.data.set.relocated')),
         'closed', v.first, 'asked', h.asked)
  FROM home h LEFT JOIN effective v ON v.subject = h.subject AND v.k = 1
UNION ALL
SELECT subject, 'fault.relocation', NULL, NULL, NULL, json_group_array(json_object(
         'part', 'moved', 'cycle', cycle, 'opened', day, 'closed', closed, 'cause', id_text(id),
         'zh', '核实数据:回头看人数多于登记的搬迁人口',
         'en', 'Check the data: the look-back names more persons than are registered as relocated'))
  FROM (SELECT * FROM misfit ORDER BY subject, cycle) GROUP BY subject
