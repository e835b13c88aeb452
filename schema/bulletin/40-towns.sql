-- table: towns
-- The three townships with the most open high findings, and the three with the most overdue tasks, at
-- the end of the month (more where they are equal). Without what is covert.
WITH town AS MATERIALIZED (
  SELECT id, doc ->> '$.name' AS name FROM entity
   WHERE kind = 'division' AND gone = '' AND id LIKE '%000' AND id NOT LIKE '%000000'),
high AS MATERIALIZED (
  SELECT substr(l.doc ->> '$.place', 1, 9) || '000' AS town, count(*) AS n
    FROM ledger l
   WHERE l.place = (SELECT max(substr(id, 1, 6)) || '000000' FROM town) AND l.view = 'finding.loop'
     AND l.doc ->> '$.told' AND NOT l.doc ->> '$.covert' AND l.doc ->> '$.severity' = 'high'
     AND l.doc ->> '$.day' <= :to
     AND (SELECT e.value ->> '$.what' FROM json_each(l.doc, '$.events') e
           WHERE e.value ->> '$.day' <= :to
             AND e.value ->> '$.what' IN ('rectified', 'passed', 'failed', 'relapsed')
           ORDER BY e.value ->> '$.n' DESC LIMIT 1) IS NOT 'passed'
   GROUP BY 1),
late AS MATERIALIZED (
  SELECT substr(t.place, 1, 9) || '000' AS town, count(*) AS n FROM task t
   WHERE t.gone = '' AND t.class < 5 AND t.opened <= :to AND t.due < :to AND t.due <> ''
     AND (t.closed > :to OR (t.closed = '' AND t.state <> 'void')) GROUP BY 1),
ranked AS MATERIALIZED (
  SELECT t.*, coalesce(h.n, 0) AS high, coalesce(l.n, 0) AS overdue,
         rank() OVER (ORDER BY coalesce(h.n, 0) DESC) AS by_high,
         rank() OVER (ORDER BY coalesce(l.n, 0) DESC) AS by_late
    FROM town t LEFT JOIN high h ON h.town = t.id LEFT JOIN late l ON l.town = t.id)
SELECT id AS code, coalesce(name, id) AS name, high, overdue FROM ranked
 WHERE (high > 0 AND by_high <= 3) OR (overdue > 0 AND by_late <= 3) ORDER BY id;
