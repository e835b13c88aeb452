-- view: place
-- level: place
-- names: task.open task.overdue task.on_time house.unattainable house.groups water.left
-- What a village counts by itself. Covert work, leads and patrols (class 5) are never counted.
WITH tasks AS MATERIALIZED (
  SELECT c.subject,
         sum(t.closed = '') AS running, sum(t.closed = '' AND t.due < today()) AS overdue,
         sum(t.state = 'closed') AS ended, sum(t.state = 'closed' AND t.closed <= t.due) AS on_time,
         sum(t.closed = '' AND t.unattainable AND t.rule IN ('T-H2', 'T-H3')) AS unattainable
    FROM changed c CROSS JOIN task t
   WHERE t.place = c.subject AND t.gone = '' AND t.class < 5 GROUP BY c.subject),
village AS MATERIALIZED (
  SELECT c.subject, e.doc ->> '$.groups' AS groups, e.doc ->> '$.water_baseline' AS baseline
    FROM changed c CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject)
SELECT subject, 'task.open' AS name, subject AS place, running AS num, NULL AS den FROM tasks
UNION ALL SELECT subject, 'task.overdue', subject, overdue, running FROM tasks
UNION ALL SELECT subject, 'task.on_time', subject, on_time, ended FROM tasks
UNION ALL SELECT subject, 'house.unattainable', subject, unattainable, NULL FROM tasks
UNION ALL
SELECT v.subject, 'house.groups', v.subject,
       (SELECT count(DISTINCT substr(l.subject, 14, 2)) FROM ledger l
         WHERE l.place = v.subject AND l.view = 'house.inspected'), v.groups
  FROM village v
UNION ALL SELECT subject, 'water.left', subject, 0, baseline FROM village
