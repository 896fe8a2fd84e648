-- name: enable_analytic_settings
-- No parameters. For the rest of the transaction: each statement is planned for its own arguments, because what reads by
-- days and lists would soon be planned for any, as if they held ten days; and it may sort and sum some months in memory.
select
  set_config('plan_cache_mode', 'force_custom_plan', true) as plan_cache_mode,
  set_config('work_mem', '32MB', true) as work_mem;
