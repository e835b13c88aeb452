-- view: dq-project
-- level: project
-- forms: project.step
-- keeps: dq.served fault.project
-- reads: project.yuan project.loop
-- How many households each declaration of a project says it serves, for its village; the steps of a
-- project that have no effect yet; and acceptances that spent more than 110 % of what the county approved
-- (or the village declared), until one after them did not.
WITH spent AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, (r.body ->> '$.data.spent_yuan') * 10 > p.num * 11 AS much
    FROM changed c CROSS JOIN ledger p ON p.subject = c.subject AND p.view = 'project.yuan'
    CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'project.step'
   WHERE r.body ->> '$.data.step' = 'accepted' AND p.num IS NOT NULL)
SELECT subject, 'dq.served' AS name, max(iif(back = 1, div, NULL)) AS place, max(iif(back = 1, served, NULL)) AS num,
       NULL AS den, json_group_array(json_object('day', day, 'until', until, 'served', served, 'id', id)) AS doc
  FROM (
    SELECT c.subject, hlc_day(r.hlc) AS day, id_text(r.id) AS id, r.body ->> '$.data.div' AS div,
           r.body ->> '$.data.hh_served' AS served, lead(hlc_day(r.hlc)) OVER (w ORDER BY r.hlc, r.id) AS until,
           row_number() OVER (w ORDER BY r.hlc DESC, r.id DESC) AS back, row_number() OVER (w ORDER BY r.hlc, r.id) AS n
      FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'project.step'
     WHERE r.body ->> '$.data.step' = 'declared' WINDOW w AS (PARTITION BY c.subject)
     ORDER BY c.subject, n)
 GROUP BY subject
UNION ALL
SELECT c.subject, 'fault.project', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('part', part, 'cycle', cycle, 'opened', opened, 'closed', closed, 'cause', cause,
             'zh', zh, 'en', en))
      FROM (
        SELECT x.value ->> '$.why' AS part, row_number() OVER (PARTITION BY x.value ->> '$.why' ORDER BY x.key) AS cycle,
               x.value ->> '$.opened' AS opened,
               x.value ->> '$.closed' AS closed, x.value ->> '$.cause' AS cause,
               iif(x.value ->> '$.why' = 'area', '核实数据:项目不在填报人辖区', '核实数据:项目缺少前一环节') AS zh,
               iif(x.value ->> '$.why' = 'area', 'Check the data: the project lies elsewhere',
                                                 'Check the data: an earlier step of the project is missing') AS en
          FROM json_each(l.doc, '$.holes') x
        UNION ALL
        SELECT 'spent', n, hlc_day(hlc), closed, id_text(id), '核实数据:项目支出超过投资的百分之一百一十',
               'Check the data: more than 110 % of the amount was spent'
          FROM (
            SELECT a.*, row_number() OVER (ORDER BY a.hlc, a.id) AS n, (
                     SELECT min(hlc_day(b.hlc)) FROM spent b
                      WHERE b.subject = a.subject AND NOT b.much AND (b.hlc, b.id) > (a.hlc, a.id)) AS closed
              FROM spent a WHERE a.subject = c.subject AND a.much)
         ORDER BY 3, 1, 2))
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'project.loop'
 WHERE json_array_length(l.doc, '$.holes') > 0 OR EXISTS (SELECT 1 FROM spent s WHERE s.subject = c.subject AND s.much)
