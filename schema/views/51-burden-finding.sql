-- view: burden-finding
-- level: finding
-- forms: rectify.report verify.lookback
-- reads: find.found
-- keeps: burden
-- How many rectifications and checks of the finding cadres wrote last month; of covert ones none.
SELECT c.subject, 'burden' AS name, f.place, count(*) AS num, NULL AS den
  FROM changed c CROSS JOIN ledger f ON f.subject = c.subject AND f.view = 'find.found'
  CROSS JOIN record r INDEXED BY record_subject
    ON r.subject = c.subject AND r.form IN ('rectify.report', 'verify.lookback')
 WHERE r.outcome = 1 AND r.device <> 'zoufang' AND r.class < 5
   AND r.hlc >= ((unixepoch(date(today(), 'start of month', '-1 month')) - 28800) * 1000) << 16
   AND r.hlc < ((unixepoch(date(today(), 'start of month')) - 28800) * 1000) << 16
 GROUP BY c.subject
