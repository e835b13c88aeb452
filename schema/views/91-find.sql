-- view: find
-- level: place
-- names: find.identify find.help find.exit find.income find.food_clothing find.education find.medical find.housing find.water find.env find.duty find.policy find.work find.funds find.style find.data find.custom find.awareness
-- Findings by category: closed, of found. Those that count at all are the rows find.found.
SELECT c.subject, 'find.' || (e.doc ->> '$.cat') AS name, c.subject AS place,
       sum(e.doc ->> '$.state' = 'closed') AS num, count(*) AS den
  FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'find.found'
  CROSS JOIN entity e ON e.kind = 'finding' AND e.id = l.subject
 WHERE e.doc ->> '$.cat' IN ('identify', 'help', 'exit', 'income', 'food_clothing', 'education', 'medical',
   'housing', 'water', 'env', 'duty', 'policy', 'work', 'funds', 'style', 'data', 'custom', 'awareness')
 GROUP BY c.subject, e.doc ->> '$.cat'
