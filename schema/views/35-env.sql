-- view: env
-- level: household
-- forms: hh.facts inspect.env
-- names: env
-- keeps: env.false
-- Four things clean, two in order: all six of the newest inspection. An episode begins with the first
-- inspection that finds one of them wanting and ends with one that finds none; its title names what
-- the newest inspection in it found wanting.
WITH ev AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body -> '$.data' AS data,
         (r.body ->> '$.data.outdoor') AND (r.body ->> '$.data.indoor')
           AND (r.body ->> '$.data.toilet_clean') AND (r.body ->> '$.data.personal')
           AND (r.body ->> '$.data.furniture') AND (r.body ->> '$.data.goods') AS fine
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'inspect.env'),
turn AS MATERIALIZED (
  SELECT *, sum(fine) OVER (PARTITION BY subject ORDER BY hlc, id) AS turn,
         row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS last FROM ev),
wanting AS MATERIALIZED (
  SELECT subject, turn, row_number() OVER (PARTITION BY subject ORDER BY turn) AS cycle,
         min(iif(k = 1, day, NULL)) AS day, max(iif(k = 1, id, NULL)) AS id,
         max(iif(back = 1, data, NULL)) AS data
    FROM (SELECT *, row_number() OVER (PARTITION BY subject, turn ORDER BY hlc, id) AS k,
                 row_number() OVER (PARTITION BY subject, turn ORDER BY hlc DESC, id DESC) AS back
            FROM turn WHERE NOT fine)
   GROUP BY subject, turn),
named AS MATERIALIZED (
  SELECT w.subject, w.cycle, w.day, w.id,
         (SELECT x.day FROM turn x WHERE x.subject = w.subject AND x.fine AND x.turn = w.turn + 1) AS closed,
         substr(iif(w.data ->> '$.outdoor', '', '、室外净') || iif(w.data ->> '$.indoor', '', '、室内净')
           || iif(w.data ->> '$.toilet_clean', '', '、厕所净') || iif(w.data ->> '$.personal', '', '、个人卫生净')
           || iif(w.data ->> '$.furniture', '', '、家具摆放规范') || iif(w.data ->> '$.goods', '', '、物品摆放规范'), 2) AS zh,
         substr(iif(w.data ->> '$.outdoor', '', ', yard') || iif(w.data ->> '$.indoor', '', ', rooms')
           || iif(w.data ->> '$.toilet_clean', '', ', toilet') || iif(w.data ->> '$.personal', '', ', persons')
           || iif(w.data ->> '$.furniture', '', ', furniture') || iif(w.data ->> '$.goods', '', ', goods'), 3) AS en
    FROM wanting w)
SELECT t.subject, 'env' AS name, e.place, t.fine AS num, 1 AS den, '{}' AS doc
  FROM turn t CROSS JOIN entity e ON e.kind = 'household' AND e.id = t.subject
 WHERE t.last = 1 AND e.gone = '' AND substr(t.subject, 14) <> '00-0000'
UNION ALL
SELECT subject, 'env.false', NULL, NULL, NULL, json_group_array(json_object(
         'cycle', cycle, 'found', day, 'closed', closed, 'cause', id_text(id), 'zh', zh, 'en', en))
  FROM (SELECT * FROM named ORDER BY subject, cycle) GROUP BY subject
