-- view: leader
-- level: township
-- forms: assign.set register.division
-- keeps: leader.town
-- Whether a leader of the county answers for the township today. Stands at the county, whose figure it is.
SELECT c.subject, 'leader.town' AS name, substr(c.subject, 1, 6) || '000000' AS place, EXISTS (
         SELECT 1 FROM assignment a WHERE a.target = c.subject AND a.kind = 'leader_town'
            AND today() BETWEEN a.from_day AND a.to_day) AS num, 1 AS den
  FROM changed c CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
 WHERE e.gone = ''
