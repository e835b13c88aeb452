-- fold: 1-assignee
-- forms: assign.set register.cadre
-- Who is to do it, where the rule names only a role: the household's helper (without one, the
-- village), the village's or the township's own cadre.
WITH asked AS MATERIALIZED (
  SELECT id, place, assignee_role, CASE WHEN assignee_role = 'HL' THEN (
      SELECT a.cadre FROM assignment a
       WHERE a.target = root AND a.kind = 'cadre_household' AND a.cadre <> ''
         AND iif(closed = '', today(), closed) BETWEEN a.from_day AND a.to_day
       ORDER BY a.from_day DESC, a.id LIMIT 1) END AS helper
    FROM wanted WHERE assignee = '' AND assignee_role IN ('HL', 'VO', 'TW')),
post AS MATERIALIZED (
  SELECT DISTINCT place, iif(assignee_role = 'TW', 'TW', 'VO') AS role
    FROM asked WHERE helper IS NULL),
holder AS MATERIALIZED (
  SELECT p.place, p.role, (
      SELECT v.id FROM entity v INDEXED BY entity_cadre
       WHERE v.place = iif(p.role = 'TW', substr(p.place, 1, 9) || '000', p.place)
         AND v.kind = 'cadre' AND v.gone = '' AND v.doc ->> '$.active'
         AND v.doc ->> '$.role' = p.role
       ORDER BY v.id LIMIT 1) AS cadre
    FROM post p)
SELECT k.id, iif(k.assignee_role = 'HL' AND k.helper IS NULL, 'VO', k.assignee_role) AS assignee_role,
       coalesce(k.helper, h.cadre, '') AS assignee
  FROM asked k LEFT JOIN holder h ON h.place = k.place
   AND h.role = iif(k.assignee_role = 'TW', 'TW', 'VO')
