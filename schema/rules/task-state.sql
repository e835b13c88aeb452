-- fold: 2-task-state
-- forms: task.update
-- What people say about a task, in the order of their stamps: its assignee accepts and reports it,
-- its verifier returns what was reported, the county extends it (never past the stop) or calls it
-- off; so does who reported the finding that it is about, but not for its own unit. An extension only
-- extends: a date before the rule's own has no effect. What was said up to the day on which the records
-- ended the task counts still; called off before that day it stays called off. Of other tasks the form
-- holds what others call off or extend: stored, it was released. Of a finding's tasks what one says who
-- may not brings T-Q1 (z-T-Q1-finding.sql); of others it has no effect and no more.
WITH put AS MATERIALIZED (
  SELECT w.id, w.due, w.stop, w.closed, w.state AS base, w.level, w.root, w.assignee, w.assignee_role, w.verifier_role,
         r.hlc, r.id AS rid, hlc_day(r.hlc) AS day, r.author, r.body, cadre_at(r.author, 'role', r.hlc) AS role
    FROM wanted w CROSS JOIN stored_record r ON r.subject = w.id AND r.form = 'task.update'
   WHERE hlc_day(r.hlc) >= w.opened AND (w.closed = '' OR hlc_day(r.hlc) <= w.closed)),
said AS MATERIALIZED (
  SELECT p.id, p.due, p.stop, p.closed, p.base, p.hlc, p.rid, p.day,
         p.body ->> '$.data.state' AS state, p.body ->> '$.data.due' AS new_due,
         p.body ->> '$.data.state' = 'void' AND (p.closed = '' OR p.day < p.closed) AS off,
         p.author = p.assignee OR p.role = p.assignee_role AS doer,
         p.role = p.verifier_role AS verifier, p.role = 'CO' AS county,
         p.level <> 'finding' OR p.role = 'CO' OR (
           cadre_at(p.author, 'unit', p.hlc) <> p.assignee AND p.author = (
             SELECT f.author FROM record f
              WHERE f.id = id_blob(p.root) AND f.form IN ('finding.report', 'dispatch.order'))) AS issuer
    FROM put p),
handed AS MATERIALIZED (
  SELECT *, lag(state) OVER (PARTITION BY id ORDER BY hlc, rid) AS before
    FROM said WHERE (state = 'reported' AND doer) OR (state = 'returned' AND (verifier OR county))),
step AS MATERIALIZED (
  SELECT id, state, row_number() OVER (PARTITION BY id ORDER BY hlc, rid) AS n FROM (
    SELECT id, state, hlc, rid FROM handed WHERE state = 'reported' OR before = 'reported'
    UNION ALL SELECT id, state, hlc, rid FROM said WHERE state = 'accepted' AND doer)),
-- the last return, and what came after it
told AS MATERIALIZED (
  SELECT s.id, CASE max(CASE s.state WHEN 'reported' THEN 3 WHEN 'accepted' THEN 2 ELSE 1 END)
                 WHEN 3 THEN 'reported' WHEN 2 THEN 'accepted' ELSE 'returned' END AS state
    FROM step s
   WHERE s.n >= coalesce((SELECT max(x.n) FROM step x WHERE x.id = s.id AND x.state = 'returned'), 0)
   GROUP BY s.id)
SELECT s.id,
  CASE WHEN max(s.issuer AND s.off) THEN 'void'
       WHEN s.base NOT IN ('open', 'returned', 'reopened') THEN s.base
       ELSE coalesce((SELECT t.state FROM told t WHERE t.id = s.id), s.base) END AS state,
  coalesce(min(iif(s.issuer AND s.off, s.day, NULL)), s.closed) AS closed,
  max(s.due, coalesce((SELECT min(x.new_due, coalesce(x.stop, x.new_due)) FROM said x
     WHERE x.id = s.id AND x.issuer AND x.new_due IS NOT NULL
     ORDER BY x.hlc DESC, x.rid DESC LIMIT 1), s.due)) AS due
  FROM said s GROUP BY s.id
