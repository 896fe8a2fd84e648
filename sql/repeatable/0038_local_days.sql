-- Days as a store counts them: between moments and dates of its time zone.
--
-- Before the triggers and views that count in these days.
-- None of these sets search_path or is strict, so that the planner puts their bodies in the place of the call: an index
-- on a moment serves a condition that names a day, as if the expression stood there.

set role retail_owner;

create or replace function retail.day_start(day date, time_zone text) returns timestamptz
language sql immutable parallel safe
return day::timestamp at time zone time_zone;
comment on function retail.day_start(date, text) is 'First moment of a day in this IANA time zone.';

create or replace function retail.day_end(day date, time_zone text) returns timestamptz
language sql immutable parallel safe
return (day + 1)::timestamp at time zone time_zone;
comment on function retail.day_end(date, text) is
  'First moment after a day in this IANA time zone, 23 to 25 hours after its start: compare with less than.';

create or replace function retail.local_date(moment timestamptz, time_zone text) returns date
language sql immutable parallel safe
return (moment at time zone time_zone)::date;
comment on function retail.local_date(timestamptz, text) is 'The day in this IANA time zone that a moment belongs to.';

reset role;
