-- view: burden
-- level: household
-- forms: *
-- keeps: burden
-- How many records cadres wrote about the household and its members last month, those too that were
-- amended, withdrawn or had no effect; covert ones apart.
SELECT c.subject, 'burden' AS name, substr(c.subject, 1, 12) AS place, count(*) AS num, NULL AS den
  FROM changed c CROSS JOIN record r INDEXED BY record_subject
    ON r.subject >= c.subject AND r.subject < c.subject || '.'
 WHERE r.outcome = 1 AND r.device <> 'zoufang' AND r.class < 5
   AND r.hlc >= ((unixepoch(date(today(), 'start of month', '-1 month')) - 28800) * 1000) << 16
   AND r.hlc < ((unixepoch(date(today(), 'start of month')) - 28800) * 1000) << 16
 GROUP BY c.subject
