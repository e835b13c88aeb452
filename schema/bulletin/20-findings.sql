-- table: findings
-- Findings of the month by category, as they stood at its end; covert ones too, those of leads not. As
-- long as those about health are fewer than five, none too, they are counted together with education:
-- alone they could be told from the total.
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
few AS MATERIALIZED (SELECT count(*) < 5 AS health FROM finding WHERE cat = 'medical'),
shown AS MATERIALIZED (
  SELECT iif(f.health AND s.cat = 'medical', 'education', s.cat) AS cat,
         f.health AND s.cat IN ('medical', 'education') AS joint, s.severity, s.state
    FROM finding s CROSS JOIN few f),
label AS MATERIALIZED (SELECT rowid AS n, code, zh FROM temp.code WHERE list = 'find_cat')
SELECT s.cat AS cat,
       iif(s.joint, (SELECT group_concat(zh, '、') FROM label WHERE code IN ('education', 'medical')),
           coalesce(b.zh, s.cat)) AS name,
       count(*) AS found, sum(s.severity = 'high') AS high, sum(s.severity = 'mid') AS mid,
       sum(s.severity = 'low') AS low, sum(s.state IS 'passed') AS closed
  FROM shown s LEFT JOIN label b ON b.code = s.cat
 GROUP BY s.cat ORDER BY b.n;
