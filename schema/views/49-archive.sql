-- view: archive
-- level: household
-- forms: hh.facts person.facts archive.check
-- reads: status
-- names: archive
-- keeps: archive.check fault.archive
-- One file a household: the papers that the newest check found, of the ten that belong to it. A missing
-- paper or a mismatch asks to look at the data, until a check finds neither; papers of an exit are
-- missing only once the household exited. `archive.check`: {"missing", "mismatches", "day"}.
WITH item(name) AS (VALUES ('handbook'), ('register'), ('id_copy'), ('review_minutes'),
  ('notice_photo'), ('plan'), ('income_sheet'), ('appraisal'), ('water_eval'), ('exit_form')),
home AS MATERIALIZED (
  SELECT c.subject, l.place, iif(l.doc ->> '$.status' = 'exited', coalesce(l.doc ->> '$.marked', ''), NULL) AS exited,
         l.doc ->> '$.status' IN ('not_exited', 'planned_exit', 'returned', 'exited') AS poor
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'),
ev AS MATERIALIZED (
  SELECT h.subject, h.poor, h.exited, r.hlc, r.id, hlc_day(r.hlc) AS day,
         json_array_length(r.body, '$.data.present') AS present,
         json_array_length(r.body, '$.data.mismatches') AS wrong, r.body -> '$.data' AS data
    FROM home h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'archive.check'),
missed AS MATERIALIZED (
  SELECT *, CASE WHEN poor THEN (
           SELECT json_group_array(i.name) FROM item i
            WHERE i.name NOT IN (SELECT value FROM json_each(v.data, '$.present'))
              AND (v.day >= v.exited OR i.name <> 'exit_form')) ELSE '[]' END AS missing
    FROM ev v),
turn AS MATERIALIZED (
  SELECT *, missing = '[]' AND wrong = 0 AS fine,
         sum(missing = '[]' AND wrong = 0) OVER (PARTITION BY subject ORDER BY hlc, id) AS turn,
         row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS last
    FROM missed),
-- what the newest check of an episode found
poorly AS MATERIALIZED (
  SELECT subject, turn, row_number() OVER (PARTITION BY subject ORDER BY turn) AS cycle,
         min(iif(k = 1, day, NULL)) AS day, max(iif(k = 1, id, NULL)) AS id,
         max(iif(back = 1, json_array_length(missing), NULL)) AS missing,
         max(iif(back = 1, wrong, NULL)) AS wrong
    FROM (SELECT *, row_number() OVER (PARTITION BY subject, turn ORDER BY hlc, id) AS k,
                 row_number() OVER (PARTITION BY subject, turn ORDER BY hlc DESC, id DESC) AS back
            FROM turn WHERE NOT fine)
   GROUP BY subject, turn)
SELECT h.subject, 'archive' AS name, h.place, coalesce(t.present, 0) AS num, 10 AS den, '{}' AS doc
  FROM home h LEFT JOIN turn t ON t.subject = h.subject AND t.last = 1 WHERE h.poor
UNION ALL
SELECT subject, 'archive.check', NULL, NULL, NULL,
       json_object('missing', json(missing), 'mismatches', data -> '$.mismatches', 'day', day)
  FROM turn WHERE last = 1
UNION ALL
SELECT subject, 'fault.archive', NULL, NULL, NULL, json_group_array(json_object(
         'part', 'file', 'cycle', cycle, 'opened', day, 'cause', id_text(id), 'closed', (
           SELECT x.day FROM turn x WHERE x.subject = p.subject AND x.fine AND x.turn = p.turn + 1),
         'zh', printf('核实数据:一户一档缺%d项,不一致%d项', missing, wrong),
         'en', printf('Check the data: %d papers missing, %d mismatches', missing, wrong)))
  FROM (SELECT * FROM poorly ORDER BY subject, cycle) p GROUP BY subject
