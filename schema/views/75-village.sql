-- view: village
-- level: village
-- forms: register.division village.survey register.target
-- names: v.industry v.collective v.road v.power v.broadband v.services v.clinic v.doctors v.culture v.bus v.school v.kindergarten v.elder_home v.job_station v.workshops inventory.registered funds.2014 funds.2015 funds.2016 funds.2017 funds.2018 funds.2019 funds.2020
-- keeps: list.villages list.exit_villages list.water_villages list.exit_persons list.relocated_persons list.water_persons registered.unknown
-- What a village has by itself. A yes or no is 1 or 0 of 1, so that townships count villages; unknown
-- has no num, and no figure of a whole that is unknown is counted. `list.*`: the newest import of each frozen list; of persons by household, as
-- {"household": "01|02|03"}.
WITH village AS MATERIALIZED (
  SELECT c.subject, e.doc FROM changed c
    CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 10) <> '000'),
fact AS MATERIALIZED (
  SELECT subject, doc ->> '$.groups' AS groups, doc ->> '$.groups_road' AS road,
         doc ->> '$.households' AS households, doc ->> '$.hh_power' AS power,
         doc ->> '$.hh_broadband' AS broadband, doc ->> '$.clinic' AS clinic,
         doc ->> '$.doctors' >= param('v.doctors_min') + 0 AS doctors,
         doc ->> '$.culture_m2' > 0 AS culture,
         json_array_length(doc, '$.industry') > 0 AS industry,
         doc ->> '$.collective_income_yuan' >= param('v.collective_income_yuan_min') + 0 AS income, doc
    FROM village),
had(name, path, whole) AS (VALUES
  ('v.bus', '$.bus', 0), ('v.school', '$.school', 0), ('v.kindergarten', '$.kindergarten', 0),
  ('v.elder_home', '$.elder_home', 0), ('v.job_station', '$.job_station', 0),
  ('v.workshops', '$.workshops', 1), ('inventory.registered', '$.registered_2014', 1),
  ('funds.2014', '$.funds_by_year.2014', 1), ('funds.2015', '$.funds_by_year.2015', 1),
  ('funds.2016', '$.funds_by_year.2016', 1), ('funds.2017', '$.funds_by_year.2017', 1),
  ('funds.2018', '$.funds_by_year.2018', 1), ('funds.2019', '$.funds_by_year.2019', 1),
  ('funds.2020', '$.funds_by_year.2020', 1)),
list AS MATERIALIZED (
  SELECT subject, list, ids FROM (
    SELECT v.subject, r.body ->> '$.data.list' AS list, r.body -> '$.data.ids' AS ids,
           row_number() OVER (PARTITION BY v.subject, r.body ->> '$.data.list'
                              ORDER BY r.hlc DESC, r.id DESC) AS k
      FROM village v CROSS JOIN stored_record r
        ON r.subject = v.subject AND r.form = 'register.target')
   WHERE k = 1 AND list IN ('villages', 'exit_villages', 'water_villages', 'exit_persons',
                            'relocated_persons', 'water_persons')),
listed AS MATERIALIZED (
  SELECT l.subject, l.list, substr(i.value, 1, 17 + instr(substr(i.value, 18) || '-', '-') - 1) AS household,
         group_concat(substr(i.value, 17 + instr(substr(i.value, 18) || '-', '-') + 1), '|') AS persons
    FROM list l CROSS JOIN json_each(l.ids) i
   WHERE l.list GLOB '*_persons' GROUP BY 1, 2, 3),
by_household AS MATERIALIZED (
  SELECT subject, list, json_group_object(household, persons) AS doc
    FROM (SELECT * FROM listed ORDER BY subject, list, household) GROUP BY subject, list)
SELECT subject, 'v.industry' AS name, subject AS place, industry AS num, 1 AS den, '{}' AS doc FROM fact
UNION ALL SELECT subject, 'v.collective', subject, income, 1, '{}' FROM fact
UNION ALL SELECT subject, 'v.road', subject, iif(groups IS NULL, NULL, road), groups, '{}' FROM fact
UNION ALL SELECT subject, 'v.power', subject, iif(households IS NULL, NULL, power), households, '{}' FROM fact
UNION ALL SELECT subject, 'v.broadband', subject, iif(households IS NULL, NULL, broadband), households, '{}' FROM fact
UNION ALL SELECT subject, 'v.services', subject, clinic AND doctors AND culture, 1, '{}' FROM fact
UNION ALL SELECT subject, 'v.clinic', subject, clinic, 1, '{}' FROM fact
UNION ALL SELECT subject, 'v.doctors', subject, doctors, 1, '{}' FROM fact
UNION ALL SELECT subject, 'v.culture', subject, culture, 1, '{}' FROM fact
UNION ALL
SELECT f.subject, h.name, f.subject, f.doc ->> h.path, iif(h.whole, NULL, 1), '{}'
  FROM fact f CROSS JOIN had h WHERE NOT h.whole OR f.doc ->> h.path IS NOT NULL
UNION ALL
SELECT subject, 'registered.unknown', subject, 1, NULL, '{}' FROM fact WHERE doc ->> '$.registered_2014' IS NULL
UNION ALL
SELECT l.subject, 'list.' || l.list, NULL, json_array_length(l.ids), NULL, coalesce(b.doc, '{}')
  FROM list l LEFT JOIN by_household b ON b.subject = l.subject AND b.list = l.list
