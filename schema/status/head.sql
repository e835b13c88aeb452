-- head: village
-- The newest change that the readers of a village may see; never one of covert work or a lead.
SELECT c.subject AS place, max(
  coalesce((SELECT e.rev FROM entity e WHERE e.place = c.subject AND e.class < 4
             ORDER BY e.rev DESC LIMIT 1), 0),
  coalesce((SELECT t.rev FROM task t WHERE t.place = c.subject AND t.class < 4
             ORDER BY t.rev DESC LIMIT 1), 0),
  coalesce((SELECT r.rev FROM record r WHERE r.place = c.subject AND r.outcome = 1
             AND r.subject >= c.subject AND r.subject < c.subject || '.'
             AND r.class < 5 AND r.form <> 'finding.report' AND r.form NOT GLOB 'lead.*'
             ORDER BY r.rev DESC LIMIT 1), 0)) AS seq
  FROM changed c WHERE substr(c.subject, 10) <> '000'
