-- rule: T-Q1
-- level: household
-- forms: hh.facts person.facts visit.household inspect.housing house.work lookback.relocation measure.plan need.job archive.check
-- reads: fault.house fault.relocation fault.help fault.archive
-- title-zh: 核实数据
-- title-en: Check the data
-- What views found about records that do not fit others: rows fault.* of a household, as [{"part",
-- "cycle", "opened", "closed", "cause", "zh", "en", "about" (a member, else the household)}].
SELECT c.subject AS root, coalesce(x.value ->> '$.about', c.subject) AS subject, e.place,
       x.value ->> '$.part' AS part, x.value ->> '$.cycle' AS cycle, x.value ->> '$.opened' AS opened,
       date(x.value ->> '$.opened', '+7 days') AS due, x.value ->> '$.closed' AS closed,
       x.value ->> '$.cause' AS cause, x.value ->> '$.zh' AS title_zh, x.value ->> '$.en' AS title_en,
       'HL' AS assignee_role, 'TW' AS verifier_role,
       iif(length(x.value ->> '$.about') > length(c.subject), 2, 1) AS class
  FROM changed c CROSS JOIN ledger l
    ON l.subject = c.subject AND l.view > 'fault.' AND l.view < 'fault/'
  CROSS JOIN json_each(l.doc) x
  CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
 WHERE e.gone = ''
