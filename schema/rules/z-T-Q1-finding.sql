-- rule: T-Q1
-- level: finding
-- forms: finding.report rectify.report verify.lookback task.update register.cadre
-- reads: finding.loop
-- title-zh: 核实数据:整改、核查记录未生效
-- title-en: Check the data: a record about the finding has no effect
-- A rectification, check or look-back without effect, for its author to correct: ended by the next
-- one that has effect; the county verifies what the township, the sector or the county wrote, and all
-- about covert work. Then what was said about the finding's tasks by one who may not (so this file
-- comes after the rules of findings). Of covert work a unit sees what its own cadres have to
-- correct: nobody is told who the covert team is.
WITH idle AS (
  SELECT c.subject, l.doc, x.value ->> '$.day' AS day, x.value ->> '$.id' AS id,
         x.value ->> '$.by' AS author, x.value ->> '$.role' AS role, x.value ->> '$.why' AS why,
         (SELECT min(y.value ->> '$.day') FROM json_each(l.doc, '$.events') y
           WHERE y.value ->> '$.n' > x.value ->> '$.n'
             AND y.value ->> '$.what' IN (
               iif(x.value ->> '$.said' = 'done', 'rectified', NULL),
               iif(x.value ->> '$.said' = 'extend', 'extended', NULL),
               iif(x.value ->> '$.said' = 'extend' OR x.value ->> '$.said' GLOB 'check*', 'passed', NULL),
               iif(x.value ->> '$.said' GLOB 'check*', 'failed', NULL),
               iif(x.value ->> '$.said' GLOB 'lookback*', 'kept', NULL),
               iif(x.value ->> '$.said' GLOB 'lookback*', 'relapsed', NULL))) AS closed
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
    CROSS JOIN json_each(l.doc, '$.idle') x
  UNION ALL
  SELECT c.subject, l.doc, hlc_day(r.hlc), id_text(r.id), r.author, cadre_at(r.author, 'role', r.hlc),
         'task', NULL
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'finding.loop'
    CROSS JOIN task t ON t.root = c.subject AND t.level = 'finding' AND t.gone = '' AND t.rule <> 'T-Q1'
    CROSS JOIN stored_record r ON r.subject = t.id AND r.form = 'task.update'
   WHERE NOT coalesce(CASE
       WHEN cadre_at(r.author, 'role', r.hlc) = 'CO' THEN 1
       WHEN r.body ->> '$.data.state' IN ('void', 'open') OR r.body ->> '$.data.due' IS NOT NULL
       THEN cadre_at(r.author, 'unit', r.hlc) <> t.assignee AND r.author = (
         SELECT f.author FROM record f WHERE f.id = id_blob(c.subject) AND f.form = 'finding.report')
       WHEN r.body ->> '$.data.state' = 'returned' THEN cadre_at(r.author, 'role', r.hlc) = t.verifier_role
       ELSE 1 END, 0))
SELECT subject AS root, subject, doc ->> '$.place' AS place,
       row_number() OVER (PARTITION BY subject ORDER BY day, id) AS cycle,
       day AS opened, date(day, '+7 days') AS due, closed, id AS cause,
       CASE why WHEN 'early' THEN '核实数据:整改完成日期早于发现日期'
                WHEN 'stop' THEN '核实数据:延期超过最后期限'
                WHEN 'many' THEN '核实数据:延期次数已用完'
                WHEN 'own' THEN '核实数据:整改方不能核查自己的整改'
                WHEN 'role' THEN '核实数据:核查人不是规定的核查方'
                WHEN 'order' THEN '核实数据:整改、核查环节顺序不对'
                ELSE '核实数据:无权办理的任务更新' END AS title_zh,
       CASE why WHEN 'early' THEN 'Check the data: rectified before it was found'
                WHEN 'stop' THEN 'Check the data: more time than the stop allows'
                WHEN 'many' THEN 'Check the data: no more extensions'
                WHEN 'own' THEN 'Check the data: who rectifies does not verify'
                WHEN 'role' THEN 'Check the data: verified by one who does not verify this'
                WHEN 'order' THEN 'Check the data: out of order'
                ELSE 'Check the data: the task is not theirs to change' END AS title_en,
       coalesce(role, '') AS assignee_role, author AS assignee,
       iif(doc ->> '$.covert' OR role IN ('TW', 'SI', 'CT', 'CO'), 'CO', 'TW') AS verifier_role,
       iif(doc ->> '$.covert', 5, 1) AS class,
       iif(doc ->> '$.covert' AND doc ->> '$.told'
           AND cadre_at(author, 'unit', 9223372036854775807) = doc ->> '$.unit',
           doc ->> '$.unit', '') AS audience
  FROM idle
