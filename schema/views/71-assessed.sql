-- view: assessed
-- level: household
-- forms: inspect.water
-- keeps: water.seen
-- The day of the newest evaluation of the water, so that its village is asked again (T-W2).
SELECT c.subject, 'water.seen' AS name, substr(c.subject, 1, 12) AS place,
       julianday(hlc_day(max(r.hlc))) AS num, NULL AS den
  FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'inspect.water'
 GROUP BY c.subject
