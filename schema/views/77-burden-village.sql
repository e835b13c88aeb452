-- view: burden-village
-- level: village
-- forms: *
-- keeps: burden
-- How many records cadres wrote about the village itself last month, covert ones apart. What they say of
-- tasks and of other records (task.update, record.void, record.review) is not counted anywhere.
SELECT c.subject, 'burden' AS name, c.subject AS place, count(*) AS num, NULL AS den
  FROM changed c CROSS JOIN record r INDEXED BY record_subject ON r.subject = c.subject
 WHERE r.outcome = 1 AND r.device <> 'zoufang' AND r.class < 5
   AND r.hlc >= ((unixepoch(date(today(), 'start of month', '-1 month')) - 28800) * 1000) << 16
   AND r.hlc < ((unixepoch(date(today(), 'start of month')) - 28800) * 1000) << 16
 GROUP BY c.subject
