-- fold: 3-escalation
-- How far an overdue task has gone up: the village at once, then the township, the county, and for
-- a decision about discipline; in half the days for the most urgent. What cannot be reached in time
-- any more is the county's to know at once.
SELECT id, CASE
    WHEN days >= iif(priority = 1, 8, 15) THEN 'discipline'
    WHEN days >= iif(priority = 1, 4, 7) OR unattainable THEN 'county'
    WHEN days >= iif(priority = 1, 2, 3) THEN 'township'
    WHEN days > 0 THEN 'village'
    ELSE '' END AS escalated
  FROM (SELECT id, priority, unattainable,
               julianday(iif(closed = '', today(), closed)) - julianday(due) AS days
          FROM wanted WHERE state <> 'void')
