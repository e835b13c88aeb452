-- rule: T-P1
-- level: project
-- forms: project.step
-- reads: project.loop
-- title-zh: 项目库:办理下一环节
-- title-en: Project library: take the next step
-- What waits for somebody: a declared project for the township's review, a reviewed one for the county's
-- approval, an approved one for the announcement (which then lasts ten days or more: the form). Each ends
-- when the next step takes effect, or the project is sent back. The cycle is that of the declaration.
SELECT c.subject AS root, c.subject, l.doc ->> '$.div' AS place, w.part, s.value ->> '$.cycle' AS cycle,
       s.value ->> '$.day' AS opened, date(s.value ->> '$.day', '+' || w.days || ' days') AS due,
       (SELECT min(n.value ->> '$.day') FROM json_each(l.doc, '$.stages') n
         WHERE n.value ->> '$.cycle' = s.value ->> '$.cycle'
           AND n.value ->> '$.step' IN (w.next, 'rejected')) AS closed,
       w.title_zh, w.title_en, w.role AS assignee_role, 'CO' AS verifier_role, s.value ->> '$.id' AS cause
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'project.loop'
  CROSS JOIN json_each(l.doc, '$.stages') s
  CROSS JOIN (
    SELECT 'declared' AS step, 'reviewed' AS next, 'review' AS part, 10 AS days, 'TW' AS role,
           '项目库:乡镇审查' AS title_zh, 'Project library: review' AS title_en
    UNION ALL SELECT 'reviewed', 'approved', 'approve', 15, 'CO', '项目库:县级审批', 'Project library: approve'
    UNION ALL SELECT 'approved', 'noticed', 'notice', 10, 'CO', '项目库:公告', 'Project library: announce') w
    ON w.step = s.value ->> '$.step'
