-- ledger: relocation
-- title-zh: 易地扶贫搬迁“回头看”台账
-- title-en: Ledger of the re-check of relocated households
-- The villages, and their sum; then every relocated household. Household numbers only.
WITH told AS MATERIALIZED (
  SELECT a.village, d.doc ->> '$.name' AS name,
         (SELECT count(*) FROM ledger l WHERE l.place = a.village AND l.view = 'reloc') AS homes,
         max(iif(i.name = 'reloc', i.den, NULL)) AS persons, max(iif(i.name = 'reloc', i.num, NULL)) AS done,
         max(iif(i.name = 'reloc.natural', i.num, NULL)) AS departed
    FROM temp.asked a CROSS JOIN entity d ON d.kind = 'division' AND d.id = a.village
    LEFT JOIN indicator i ON i.place = a.village AND i.name GLOB 'reloc*' GROUP BY a.village)
SELECT village AS 区划代码, name AS 村居, homes AS 搬迁户数, coalesce(persons, 0) AS 搬迁人数,
       coalesce(done, 0) AS 已回头看人数, coalesce(persons - done, 0) AS 未回头看人数, coalesce(departed, 0) AS 其中自然减少
  FROM told
UNION ALL
SELECT '合计', count(*) || '个村居', total(homes), total(persons), total(done), total(persons - done), total(departed)
  FROM told HAVING count(*) > 1;

SELECT a.village AS 区划代码, l.subject AS 户编号, substr(l.subject, 14, 2) + 0 AS 村民组, l.den AS 搬迁人数,
       l.num AS 已回头看人数, m.doc ->> '$.closed' AS 首次回头看,
       (SELECT hlc_day(r.hlc) FROM stored_record r WHERE r.subject = l.subject AND r.form = 'lookback.relocation'
         ORDER BY r.hlc DESC LIMIT 1) AS 最近回头看,
       iif(m.doc ->> '$.closed' IS NULL, '未回头看', iif(l.num < l.den, '人数不全', '已完成')) AS 状态,
       t.id AS 任务编号, nullif(t.due, '') AS 任务期限,
       (SELECT zh FROM temp.code WHERE list = 'task_state' AND code = t.state) AS 任务状态
  FROM temp.asked a CROSS JOIN ledger l ON l.place = a.village AND l.view = 'reloc'
  LEFT JOIN ledger m ON m.subject = l.subject AND m.view = 'relocation'
  LEFT JOIN task t ON t.id = printf('T-H6-%s-1', l.subject) AND t.gone = '' AND t.class < 2
 ORDER BY l.subject;
