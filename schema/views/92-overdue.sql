-- view: overdue
-- level: place
-- keeps: overdue
-- How many tasks of a village were overdue when each month ended. Covert work, leads and patrols are
-- never counted.
WITH RECURSIVE
late AS MATERIALIZED (
  SELECT c.subject, substr(t.due, 1, 7) AS month, substr(iif(t.closed = '', today(), t.closed), 1, 7) AS until,
         count(*) AS n
    FROM changed c CROSS JOIN task t
   WHERE t.place = c.subject AND t.gone = '' AND t.class < 5 AND t.state <> 'void' AND t.due <> ''
     AND substr(t.due, 1, 7) < substr(iif(t.closed = '', today(), t.closed), 1, 7)
   GROUP BY 1, 2, 3),
passed(subject, month, until, n) AS (
  SELECT * FROM late
  UNION ALL
  SELECT subject, substr(date(month || '-01', '+1 month'), 1, 7), until, n FROM passed
   WHERE substr(date(month || '-01', '+1 month'), 1, 7) < until)
SELECT subject, 'overdue' AS name, subject AS place, NULL AS num, NULL AS den,
       json_group_object(month, n) AS doc
  FROM (SELECT subject, month, sum(n) AS n FROM passed GROUP BY subject, month ORDER BY subject, month)
 GROUP BY subject
