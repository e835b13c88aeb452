-- table: units
-- Overdue tasks at the end of the month by the unit that has to do them, in the order of their numbers
-- (no ranking); then what is a role's to do and no cadre's, and last what nobody was named for. Covert
-- work, leads and patrols are not among them.
WITH late AS MATERIALIZED (
  SELECT t.priority, julianday(:to) - julianday(t.due) AS days, t.assignee_role AS role,
         coalesce(iif(t.assignee GLOB 'U-*', t.assignee, cadre_at(t.assignee, 'unit',
           (((unixepoch(:to, '+1 day') - 28800) * 1000) << 16) - 1)), '') AS unit
    FROM task t
   WHERE t.gone = '' AND t.class < 5 AND t.opened <= :to AND t.due < :to AND t.due <> ''
     AND (t.closed > :to OR (t.closed = '' AND t.state <> 'void'))),
whose AS MATERIALIZED (
  SELECT unit, iif(unit = '' AND role NOT IN ('HL', 'VO', 'TW', 'UN'), role, '') AS role, count(*) AS overdue,
         sum(days >= iif(priority = 1, 4, 7)) AS county
    FROM late GROUP BY 1, 2)
SELECT w.unit, w.role, coalesce(u.doc ->> '$.name', nullif(w.unit, ''), r.zh, '责任单位未落实') AS name,
       w.overdue, w.county
  FROM whose w LEFT JOIN entity u ON u.kind = 'unit' AND u.id = w.unit
  LEFT JOIN temp.code r ON r.list = 'role' AND r.code = w.role
 ORDER BY w.unit = '', w.role = '', w.unit, w.role;
