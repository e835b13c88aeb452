-- rule: T-Q1
-- level: household
-- forms: assign.set register.cadre
-- reads: house medical education exit fault.facts fault.conflict fault.count fault.dwelling fault.visit fault.standing
-- title-zh: 核实数据
-- title-en: Check the data
-- Records that have no effect yet, as views of their subjects tell them: a stage of a house's works or
-- an exit's step before an earlier one is there, a medical check that leaves a member out or names
-- somebody else, a child said to have dropped out that is not of school age. What rows fault.* say is
-- asked by T-Q1-fault.sql.
WITH hole AS (
  SELECT c.subject AS root, c.subject, printf('b%02d', x.value ->> '$.bld') AS part, x.value AS doc,
         '核实数据:危房改造缺少前一环节' AS zh, 'Check the data: an earlier stage of the works is missing' AS en
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'house'
    CROSS JOIN json_each(l.doc, '$.holes') x
  UNION ALL
  SELECT c.subject, c.subject, 'medical', x.value,
         '核实数据:医保核查漏填、重复填报成员或填了非本户的人',
         'Check the data: a medical check does not list every member once and nobody else'
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'medical'
    CROSS JOIN json_each(l.doc, '$.holes') x
  UNION ALL
  SELECT c.subject, x.value ->> '$.person', 'school', x.value,
         '核实数据:填报辍学的成员不在义务教育年龄', 'Check the data: dropped out, but not of school age'
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'education'
    CROSS JOIN json_each(l.doc, '$.misfits') x
  UNION ALL
  SELECT c.subject, c.subject, 'exit', x.value,
         CASE x.value ->> '$.why' WHEN 'early' THEN '核实数据:公示期未满即公告' WHEN 'unready' THEN '核实数据:未达退出标准即标注'
              WHEN 'status' THEN '核实数据:非贫困户被标注退出' ELSE '核实数据:退出程序缺少前一环节' END,
         CASE x.value ->> '$.why' WHEN 'early' THEN 'Check the data: announced before the notice ended'
              WHEN 'unready' THEN 'Check the data: marked, but not ready to exit'
              WHEN 'status' THEN 'Check the data: marked, but not a poor household'
              ELSE 'Check the data: an earlier step of the exit is missing' END
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'exit'
    CROSS JOIN json_each(l.doc, '$.holes') x)
SELECT root, subject, substr(root, 1, 12) AS place, part, doc ->> '$.cycle' AS cycle, doc ->> '$.opened' AS opened,
       date(doc ->> '$.opened', '+7 days') AS due, doc ->> '$.closed' AS closed, doc ->> '$.cause' AS cause,
       zh AS title_zh, en AS title_en, 'HL' AS assignee_role, 'TW' AS verifier_role,
       iif(subject <> root, 2, 1) AS class
  FROM hole
