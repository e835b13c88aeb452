-- ledger: water
-- title-zh: 饮水安全台账
-- title-en: Ledger of drinking-water safety
-- The villages, and their sum; then every household that is a target of the campaign, was evaluated,
-- or had unsafe water. Household numbers only, no names.
WITH told AS MATERIALIZED (
  SELECT a.village, d.doc ->> '$.name' AS name,
         max(iif(i.name = 'water.assessed', i.den, NULL)) AS homes,
         max(iif(i.name = 'water.assessed', i.num, NULL)) AS assessed,
         max(iif(i.name = 'water.safe', i.num, NULL)) AS safe,
         max(iif(i.name = 'water.left', i.den, NULL)) AS persons,
         max(iif(i.name = 'water.left', i.num, NULL)) AS remain
    FROM temp.asked a CROSS JOIN entity d ON d.kind = 'division' AND d.id = a.village
    LEFT JOIN indicator i ON i.place = a.village AND i.name GLOB 'water.*' GROUP BY a.village)
SELECT village AS 区划代码, name AS 村居, coalesce(homes, 0) AS 总户数, coalesce(assessed, 0) AS 已评价户数,
       coalesce(safe, 0) AS 安全户数, coalesce(persons, 0) AS 任务人口, coalesce(remain, 0) AS 未解决人口
  FROM told
UNION ALL
SELECT '合计', count(*) || '个村居', total(homes), total(assessed), total(safe), total(persons), total(remain)
  FROM told HAVING count(*) > 1;

WITH home AS MATERIALIZED (
  SELECT a.village, h.id, h.doc ->> '$.water_target' AS target, w.doc AS checked, l.doc AS episodes,
         p.num AS persons
    FROM temp.asked a CROSS JOIN entity h ON h.place = a.village AND +h.kind = 'household' AND h.gone = ''
    LEFT JOIN ledger w ON w.subject = h.id AND w.view = 'check.water'
    LEFT JOIN ledger l ON l.subject = h.id AND l.view = 'water'
    LEFT JOIN ledger p ON p.subject = h.id AND p.view = 'population'
   WHERE target OR checked IS NOT NULL OR episodes IS NOT NULL),
item AS (
  SELECT o.*, x.value ->> '$.found' AS found, x.value ->> '$.closed' AS closed,
         iif(x.value IS NULL, NULL, printf('T-W1-%s-%d', o.id, x.value ->> '$.cycle')) AS task
    FROM home o LEFT JOIN json_each(o.episodes) x)
SELECT i.village AS 区划代码, i.id AS 户编号, substr(i.id, 14, 2) + 0 AS 村民组, i.persons AS 人口,
       iif(i.target, '是', '否') AS 任务户, i.checked ->> '$.day' AS 评价日期,
       CASE i.checked ->> '$.quantity' WHEN 'reached' THEN '达标' WHEN 'basic' THEN '基本达标'
         WHEN 'fail' THEN '不达标' END AS 水量,
       CASE i.checked ->> '$.quality' WHEN 'reached' THEN '达标' WHEN 'basic' THEN '基本达标'
         WHEN 'fail' THEN '不达标' END AS 水质,
       CASE i.checked ->> '$.convenience' WHEN 'reached' THEN '达标' WHEN 'basic' THEN '基本达标'
         WHEN 'fail' THEN '不达标' END AS 用水方便程度,
       CASE i.checked ->> '$.reliability' WHEN 'reached' THEN '达标' WHEN 'basic' THEN '基本达标'
         WHEN 'fail' THEN '不达标' END AS 供水保证率,
       CASE i.checked ->> '$.state' WHEN 'ok' THEN '安全' WHEN 'gap' THEN '不安全' WHEN 'stale' THEN '需重新评价'
         ELSE '未评价' END AS 状态,
       i.found AS 发现日期, i.closed AS 销号日期, t.id AS 任务编号, nullif(t.due, '') AS 任务期限,
       (SELECT zh FROM temp.code WHERE list = 'task_state' AND code = t.state) AS 任务状态
  FROM item i LEFT JOIN task t ON t.id = i.task AND t.gone = '' AND t.class < 2
 ORDER BY i.id, i.found;
