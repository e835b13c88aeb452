-- ledger: housing
-- title-zh: 住房安全台账
-- title-en: Ledger of housing safety
-- The villages, and their sum; then every house with something to do or done, and every focus
-- household that waits for its appraisal. Household numbers only, no names.
WITH told AS MATERIALIZED (
  SELECT a.village, d.doc ->> '$.name' AS name,
         max(iif(i.name = 'house.cover', i.den, NULL)) AS focus,
         max(iif(i.name = 'house.cover', i.num, NULL)) AS appraised,
         max(iif(i.name = 'house.inspected', i.num, NULL)) AS inspected,
         max(iif(i.name = 'house.left', i.den, NULL)) AS listed,
         max(iif(i.name = 'house.left', i.num, NULL)) AS remain,
         max(iif(i.name = 'house.demolish_left', i.den, NULL)) AS wrecks,
         max(iif(i.name = 'house.demolish_left', i.num, NULL)) AS wrecks_left,
         max(iif(i.name = 'house.unattainable', i.num, NULL)) AS late
    FROM temp.asked a CROSS JOIN entity d ON d.kind = 'division' AND d.id = a.village
    LEFT JOIN indicator i ON i.place = a.village AND i.name GLOB 'house.*' GROUP BY a.village)
SELECT village AS 区划代码, name AS 村居, coalesce(focus, 0) AS 重点对象户数,
       coalesce(appraised, 0) AS 已评定户数, coalesce(inspected, 0) AS 已排查户数,
       coalesce(listed, 0) AS 危房数, coalesce(listed - remain, 0) AS 已销号, coalesce(remain, 0) AS 未销号,
       coalesce(wrecks, 0) AS 应拆除数, coalesce(wrecks_left, 0) AS 未拆除, coalesce(late, 0) AS 难以按期
  FROM told
UNION ALL
SELECT '合计', count(*) || '个村居', total(focus), total(appraised), total(inspected), total(listed),
       total(listed - remain), total(remain), total(wrecks), total(wrecks_left), total(late)
  FROM told HAVING count(*) > 1;

WITH work AS MATERIALIZED (
  SELECT a.village, l.subject, l.doc FROM temp.asked a
    CROSS JOIN entity h ON h.place = a.village AND +h.kind = 'household' AND h.gone = ''
    CROSS JOIN ledger l ON l.subject = h.id AND l.view = 'house'),
item AS (
  SELECT w.village, w.subject, x.value ->> '$.bld' AS bld, '危房改造' AS what, x.value ->> '$.grade' AS grade,
         x.value ->> '$.use' AS use, x.value ->> '$.found' AS found, x.value ->> '$.closed' AS closed,
         x.value -> '$.milestones' AS milestones, x.value ->> '$.unattainable' AS late,
         printf('T-H%d-%s-b%02d-%d', iif(x.value ->> '$.grade' = 'D', 2, 3), w.subject,
                x.value ->> '$.bld', x.value ->> '$.cycle') AS task
    FROM work w CROSS JOIN json_each(w.doc, '$.episodes') x
   WHERE x.value ->> '$.use' = 'resident' AND x.value ->> '$.sole'
  UNION ALL
  SELECT w.village, w.subject, x.value ->> '$.bld', '拆除', NULL, NULL, x.value ->> '$.found',
         x.value ->> '$.closed', NULL, 0,
         printf('T-H4-%s-b%02d-%d', w.subject, x.value ->> '$.bld', x.value ->> '$.cycle')
    FROM work w CROSS JOIN json_each(w.doc, '$.demolish') x
  UNION ALL
  SELECT w.village, w.subject, NULL, '疑似危房', NULL, NULL, x.value ->> '$.found', x.value ->> '$.closed',
         NULL, 0, printf('T-H5-%s-%d', w.subject, x.value ->> '$.cycle')
    FROM work w CROSS JOIN json_each(w.doc, '$.suspected') x
  UNION ALL
  SELECT a.village, l.subject, NULL, '待评定', NULL, NULL, NULL, NULL, NULL, 0,
         (SELECT t.id FROM task t
           WHERE t.subject = l.subject AND t.rule = 'T-H1' AND t.gone = '' AND t.closed = '')
    FROM temp.asked a CROSS JOIN ledger l ON l.place = a.village AND l.view = 'house.cover'
   WHERE l.num = 0)
SELECT i.village AS 区划代码, i.subject AS 户编号, substr(i.subject, 14, 2) + 0 AS 村民组,
       i.bld AS 房屋序号, i.what AS 类别, i.grade AS 危险等级,
       (SELECT zh FROM temp.code WHERE list = 'house_use' AND code = i.use) AS 用途, i.found AS 发现日期,
       (SELECT m.value ->> '$.due' FROM json_each(i.milestones) m WHERE m.value ->> '$.name' = 'start') AS 应开工,
       (SELECT m.value ->> '$.due' FROM json_each(i.milestones) m WHERE m.value ->> '$.name' = 'main') AS 主体应完工,
       (SELECT m.value ->> '$.due' FROM json_each(i.milestones) m WHERE m.value ->> '$.name' = 'accept') AS 应验收,
       CASE WHEN i.closed IS NOT NULL THEN '已销号' WHEN i.late THEN '难以按期' ELSE '未销号' END AS 状态,
       i.closed AS 销号日期, t.id AS 任务编号, nullif(t.due, '') AS 任务期限,
       (SELECT zh FROM temp.code WHERE list = 'task_state' AND code = t.state) AS 任务状态
  FROM item i LEFT JOIN task t ON t.id = i.task AND t.gone = '' AND t.class < 2
 ORDER BY i.subject, i.bld, i.found, i.what;
