-- ledger: environment
-- title-zh: 人居环境整治台账
-- title-en: Ledger of homes and surroundings
-- The villages, and their sum; then every household that was inspected. Household numbers only.
WITH told AS MATERIALIZED (
  SELECT a.village, d.doc ->> '$.name' AS name, d.doc ->> '$.households' AS homes,
         max(iif(i.name = 'env', i.den, NULL)) AS inspected, max(iif(i.name = 'env', i.num, NULL)) AS fine,
         max(iif(i.name = 'env.sanitary', i.num, NULL)) AS toilets
    FROM temp.asked a CROSS JOIN entity d ON d.kind = 'division' AND d.id = a.village
    LEFT JOIN indicator i ON i.place = a.village AND i.name GLOB 'env*' GROUP BY a.village)
SELECT village AS 区划代码, name AS 村居, homes AS 总户数, coalesce(inspected, 0) AS 已检查户数,
       coalesce(fine, 0) AS 六项达标户数, coalesce(inspected - fine, 0) AS 未达标户数, toilets AS 卫生厕所户数
  FROM told
UNION ALL
SELECT '合计', count(*) || '个村居', sum(homes), total(inspected), total(fine), total(inspected - fine), sum(toilets)
  FROM told HAVING count(*) > 1;

WITH home AS MATERIALIZED (
  SELECT a.village, l.subject, l.num AS fine, w.doc AS wanting,
         (SELECT hlc_day(r.hlc) FROM stored_record r WHERE r.subject = l.subject AND r.form = 'inspect.env'
           ORDER BY r.hlc DESC LIMIT 1) AS day
    FROM temp.asked a CROSS JOIN ledger l ON l.place = a.village AND l.view = 'env'
    LEFT JOIN ledger w ON w.subject = l.subject AND w.view = 'env.false'),
item AS (
  SELECT o.*, x.value ->> '$.found' AS found, x.value ->> '$.closed' AS closed, x.value ->> '$.zh' AS what,
         iif(x.value IS NULL, NULL, printf('T-E1-%s-%d', o.subject, x.value ->> '$.cycle')) AS task
    FROM home o LEFT JOIN json_each(o.wanting) x)
SELECT i.village AS 区划代码, i.subject AS 户编号, substr(i.subject, 14, 2) + 0 AS 村民组, i.day AS 最近检查,
       iif(i.fine, '六项达标', '未达标') AS 现状, i.what AS 未达标项目, i.found AS 发现日期, i.closed AS 整改日期,
       t.id AS 任务编号, nullif(t.due, '') AS 任务期限,
       (SELECT zh FROM temp.code WHERE list = 'task_state' AND code = t.state) AS 任务状态
  FROM item i LEFT JOIN task t ON t.id = i.task AND t.gone = '' AND t.class < 2
 ORDER BY i.subject, i.found;
