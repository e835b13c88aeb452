-- table: units
-- Overdue tasks at the end of the month by the unit that has to do them, in the order of their numbers
-- (no ranking). Covert work, leads and patrols are not among them.
WITH late AS MATERIALIZED (
  SELECT t.priority, julianday(:to) - julianday(t.due) AS days,
         coalesce(iif(t.assignee GLOB 'U-*', t.assignee, a.doc ->> '$.unit'), '') AS unit
    FROM task t LEFT JOIN entity a ON a.kind = 'cadre' AND a.id = t.assignee
   WHERE t.gone = '' AND t.class < 5 AND t.state <> 'void' AND t.opened <= :to AND t.due < :to
     AND (t.closed = '' OR t.closed > :to))
SELECT l.unit AS unit, coalesce(u.doc ->> '$.name', iif(l.unit = '', '责任单位未落实', l.unit)) AS name,
       count(*) AS overdue, sum(days >= iif(priority = 1, 4, 7)) AS county
  FROM late l LEFT JOIN entity u ON u.kind = 'unit' AND u.id = l.unit
 GROUP BY l.unit ORDER BY l.unit;
