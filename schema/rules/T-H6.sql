-- rule: T-H6
-- level: household
-- forms: hh.facts person.facts lookback.relocation
-- reads: relocation
-- title-zh: 易地扶贫搬迁户:开展回头看
-- title-en: Relocated household: look back
-- From the day on which the county knew that the household or a member was relocated, to the first
-- look-back that has effect.
SELECT c.subject AS root, c.subject, e.place, l.doc ->> '$.since' AS opened,
       date(l.doc ->> '$.since', '+30 days') AS due, param('campaign.relocation.stop') AS stop,
       max(l.doc ->> '$.since', l.doc ->> '$.closed') AS closed,
       'VO' AS assignee_role, 'TW' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'relocation'
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = '' AND l.doc ->> '$.since' IS NOT NULL AND l.doc ->> '$.asked'
