-- table: findings
-- Findings of the month by category, as they stood at its end; covert ones too, those of leads not. The
-- category of medical care is about a guarantee and who has to keep it, and says nothing about anybody's
-- health: it is counted as the others are, here as in the ledgers of the villages.
WITH county AS (
  SELECT max(substr(id, 1, 6)) || '000000' AS code FROM entity WHERE kind = 'division'),
finding AS MATERIALIZED (
  SELECT l.doc ->> '$.cat' AS cat, l.doc ->> '$.severity' AS severity,
         (SELECT e.value ->> '$.what' FROM json_each(l.doc, '$.events') e
           WHERE e.value ->> '$.day' <= :to
             AND e.value ->> '$.what' IN ('rectified', 'passed', 'failed', 'relapsed')
           ORDER BY e.value ->> '$.n' DESC LIMIT 1) AS state
    FROM county c CROSS JOIN ledger l ON l.place = c.code AND l.view = 'finding.loop'
   WHERE l.doc ->> '$.told' AND l.doc ->> '$.day' BETWEEN :from AND :to),
label AS MATERIALIZED (SELECT rowid AS n, code, zh FROM temp.code WHERE list = 'find_cat')
SELECT s.cat AS cat, coalesce(b.zh, s.cat) AS name,
       count(*) AS found, sum(s.severity = 'high') AS high, sum(s.severity = 'mid') AS mid,
       sum(s.severity = 'low') AS low, sum(s.state IS 'passed') AS closed
  FROM finding s LEFT JOIN label b ON b.code = s.cat
 GROUP BY s.cat ORDER BY b.n;
