-- view: dq-project
-- level: project
-- forms: project.step
-- keeps: dq.served fault.project
-- reads: project.loop
-- How many households each declaration of a project says it serves, for its village; and the steps of a
-- project that have no effect yet.
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
    SELECT json_group_array(json_object('part', x.value ->> '$.why', 'cycle', x.key + 1, 'opened', x.value ->> '$.opened',
             'closed', x.value ->> '$.closed', 'cause', x.value ->> '$.cause',
             'zh', iif(x.value ->> '$.why' = 'area', '核实数据:项目不在填报人辖区', '核实数据:项目缺少前一环节'),
             'en', iif(x.value ->> '$.why' = 'area', 'Check the data: the project lies elsewhere',
                                                     'Check the data: an earlier step of the project is missing')))
      FROM json_each(l.doc, '$.holes') x)
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'project.loop'
 WHERE json_array_length(l.doc, '$.holes') > 0
