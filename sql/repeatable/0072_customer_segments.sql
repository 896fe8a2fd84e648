-- Segments of customers by recency, frequency and monetary value.
--
-- Assumes: 0070. Read through a view with its owner's rights, because mcp_user may not read who was
-- erased; FORCE row level security still holds the owner to the store of the context.
--
-- Scores are fifths of the store's own buyers, 5 the best: Hughes, Strategic Database Marketing, 1994.
-- Names and axes are those of Putler's eleven segments (putler.com/rfm-analysis): recency, and the mean
-- of frequency and monetary value. Its ranges overlap; each of the 25 cells here has one segment, in
-- whose range it lies.
--
--            frequency and monetary value together
-- recency    1               2                    3                    4            5
--    5       new             potential_loyalists  potential_loyalists  champions    champions
--    4       promising       potential_loyalists  potential_loyalists  champions    champions
--    3       about_to_sleep  about_to_sleep       need_attention       loyal        loyal
--    2       hibernating     hibernating          at_risk              at_risk      at_risk
--    1       lost            lost                 at_risk              cant_lose    cant_lose

set role retail_owner;

create or replace function retail.rfm_segment(recency integer, frequency integer, monetary integer) returns text
language sql immutable parallel safe
begin atomic
  select case
    when recency >= 4 then case (frequency + monetary + 1) / 2
      when 1 then case recency when 5 then 'new' else 'promising' end
      when 2 then 'potential_loyalists'
      when 3 then 'potential_loyalists'
      else 'champions'
    end
    when recency = 3 then case (frequency + monetary + 1) / 2
      when 1 then 'about_to_sleep'
      when 2 then 'about_to_sleep'
      when 3 then 'need_attention'
      else 'loyal'
    end
    when recency = 2 then case when (frequency + monetary + 1) / 2 <= 2 then 'hibernating' else 'at_risk' end
    when recency = 1 then case (frequency + monetary + 1) / 2
      when 1 then 'lost'
      when 2 then 'lost'
      when 3 then 'at_risk'
      else 'cant_lose'
    end
  end;
end;
comment on function retail.rfm_segment(integer, integer, integer) is
  'Segment of a customer with these scores, each 1 to 5; frequency and monetary count by their mean, rounded up.';

-- What a number of buyers that are behind makes of a score: fifths, from 1. Null below five buyers.
create or replace function retail.rfm_score(behind bigint, buyers bigint) returns integer
language sql immutable parallel safe
begin atomic
  select case when buyers >= 5 then (1 + 5 * behind / buyers)::integer end;
end;
comment on function retail.rfm_score(bigint, bigint) is
  'Score from 1 to 5 by the share of buyers that are behind; null for a store with fewer than five buyers.';

create or replace view retail.customer_scores with (security_barrier = true) as
select
  scored.store_id,
  scored.customer_id,
  scored.loyalty_tier,
  scored.total_lifetime_value,
  scored.purchase_count,
  scored.last_purchase_at,
  retail.rfm_segment(scored.recency_score, scored.frequency_score, scored.monetary_score) as segment
from (
  select
    c.store_id,
    c.customer_id,
    c.loyalty_tier,
    c.total_lifetime_value,
    c.purchase_count,
    c.last_purchase_at,
    -- Who bought at the same moment as another is behind neither: both get the better score.
    6 - retail.rfm_score(
      rank() over (partition by c.store_id order by c.last_purchase_at desc) - 1, count(*) over of_store
    ) as recency_score,
    retail.rfm_score(
      rank() over (partition by c.store_id order by c.purchase_count) - 1, count(*) over of_store
    ) as frequency_score,
    retail.rfm_score(
      rank() over (partition by c.store_id order by c.total_lifetime_value) - 1, count(*) over of_store
    ) as monetary_score
  from retail.customers c
  where c.purchase_count > 0 and c.erased_at is null
  window of_store as (partition by c.store_id)
) scored;
comment on view retail.customer_scores is
  'Buyers of the current store with their segment; whoever was erased or never bought is not among them.';

reset role;

revoke all on function
  retail.rfm_segment(integer, integer, integer),
  retail.rfm_score(bigint, bigint)
from public;
