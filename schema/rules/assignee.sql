-- fold: 1-assignee
-- forms: assign.set register.cadre
-- Who is to do it, where the rule names only a role: the household's helper (without one, the
-- village), the village's or the township's own cadre.
SELECT id, iif(assignee_role = 'HL' AND helper IS NULL, 'VO', assignee_role) AS assignee_role,
  coalesce(helper, (
    SELECT v.id FROM entity v
     WHERE v.kind = 'cadre' AND v.gone = '' AND v.doc ->> '$.active'
       AND v.place = iif(assignee_role = 'TW', substr(w.place, 1, 9) || '000', w.place)
       AND v.doc ->> '$.role' = iif(assignee_role = 'TW', 'TW', 'VO')
     ORDER BY v.id LIMIT 1), '') AS assignee
  FROM (SELECT id, place, assignee_role, CASE WHEN assignee_role = 'HL' THEN (
          SELECT a.cadre FROM assignment a
           WHERE a.target = root AND a.kind = 'cadre_household' AND a.cadre <> ''
             AND iif(closed = '', today(), closed) BETWEEN a.from_day AND a.to_day
           ORDER BY a.from_day DESC, a.id LIMIT 1) END AS helper
          FROM wanted WHERE assignee = '' AND assignee_role IN ('HL', 'VO', 'TW')) w
