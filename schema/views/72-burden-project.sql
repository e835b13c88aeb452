-- view: burden-project
-- level: project
-- forms: project.step
-- reads: project.loop
-- keeps: burden
-- How many steps of the project cadres wrote last month; they count where the project is.
SELECT c.subject, 'burden' AS name, p.doc ->> '$.div' AS place, count(*) AS num, NULL AS den
  FROM changed c CROSS JOIN ledger p ON p.subject = c.subject AND p.view = 'project.loop'
  CROSS JOIN record r INDEXED BY record_subject ON r.subject = c.subject AND r.form = 'project.step'
 WHERE r.outcome = 1 AND r.device <> 'zoufang' AND r.class < 5
   AND r.hlc >= ((unixepoch(date(today(), 'start of month', '-1 month')) - 28800) * 1000) << 16
   AND r.hlc < ((unixepoch(date(today(), 'start of month')) - 28800) * 1000) << 16
 GROUP BY c.subject
