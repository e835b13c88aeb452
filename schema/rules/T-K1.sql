-- rule: T-K1
-- level: finding
-- forms: dispatch.order
-- reads: order
-- title-zh: 清单事项
-- title-en: Item of a task list
-- One for each item of a list and each order that was given, under the id of its record. Its date stays
-- when it is carried over.
SELECT c.subject AS root, c.subject, doc ->> '$.about' AS place, doc ->> '$.day' AS opened,
       doc ->> '$.due' AS due, doc ->> '$.done' AS closed,
       iif(doc ->> '$.done' IS NULL AND doc ->> '$.returned', 'returned', NULL) AS state,
       iif(doc ->> '$.kind' = 'list', '清单事项:', '调度交办:') || (doc ->> '$.title') AS title_zh,
       iif(doc ->> '$.kind' = 'list', 'Item of a list: ', 'Dispatch order: ') || (doc ->> '$.title') AS title_en,
       coalesce(doc ->> '$.role', '') AS assignee_role, doc ->> '$.cadre' AS assignee,
       coalesce(doc ->> '$.issuer_role', 'CO') AS verifier_role, c.subject AS cause,
       doc ->> '$.carried' AS carried
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'order'
