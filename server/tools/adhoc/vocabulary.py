"""The words that SQL of a caller may use. Whatever is not here is refused, or hidden from the audit log."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Functions of PostgreSQL; sql/repeatable/0095_builtin_functions.sql has the same list.
CATALOGUE_FUNCTIONS = words(
    """
    abs age array_length array_position avg bool_and bool_or btrim cardinality cbrt ceil ceiling char_length
    character_length corr count covar_pop covar_samp cume_dist date date_bin date_part date_trunc dense_rank div
    every extract first_value float8 floor initcap isfinite json_array_length json_build_array json_build_object
    jsonb_array_length jsonb_build_array jsonb_build_object justify_days justify_hours justify_interval lag
    last_value lead left length like_escape ln log log10 lower ltrim make_date make_interval make_time
    make_timestamp max min mod mode now nth_value ntile num_nonnulls num_nulls numeric percent_rank percentile_cont
    percentile_disc position rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
    regr_syy reverse right round row_number rtrim sign split_part sqrt starts_with stddev stddev_pop stddev_samp
    strpos substr substring sum text timezone to_char to_date to_json to_jsonb to_number to_timestamp trim_array
    trunc unnest upper var_pop var_samp variance width_bucket
    """
)
# Those that could fill the memory, bounded by sql/repeatable/0087_bounded_functions.sql.
BOUNDED_FUNCTIONS = words(
    """
    array_agg generate_series json_agg jsonb_agg lpad replace rpad string_agg
    """
)
# Written like functions, but part of the language.
_SYNTAX = words(
    """
    cast coalesce greatest grouping least nullif trim
    """
)
FUNCTIONS = CATALOGUE_FUNCTIONS | BOUNDED_FUNCTIONS | _SYNTAX
# Their values hold others whole: referred to twice in each step of a query, they would double each time.
JSON_BUILDERS = words(
    """
    json_build_array json_build_object jsonb_build_array jsonb_build_object to_json to_jsonb
    """
)

# No JSON: its numbers may have an exponent, and PostgreSQL writes all of their digits.
TYPES = words(
    """
    bigint bool boolean bpchar char character date decimal double float float4 float8 int int2 int4 int8 integer
    interval numeric real smallint text time timestamp timestamptz uuid varchar
    """
)
OPERATORS = words(
    """
    != #> #>> % && * + - -> ->> / < <= <> <@ = > >= @> ||
    """
)
# With the schema written out: those whose values stay small.
QUALIFIED_OPERATORS = words(
    """
    % + - / < <= <> = > >=
    """
)

# Words that begin a query in parentheses.
QUERY_STARTS = words(
    """
    select values with
    """
)
KEYWORDS = words(
    """
    all and any array as asc at between both by case cast coalesce collate cross cube current current_catalog
    current_date current_role current_schema current_time current_timestamp current_user cycle day desc distinct
    else end escape except exclude exists false fetch filter first following for from full group groups having hour
    ilike in inner intersect interval is isnull join last lateral leading left like limit localtime localtimestamp
    materialized minute month natural next not notnull null nulls offset on only or order ordinality others outer
    over partition preceding precision range recursive right rollup row rows second select session_user
    sets some symmetric then ties time to trailing true unbounded union unknown user using values varying when where
    window with within without year zone
    """
)
# Keywords that a parenthesis may follow in an expression without being a call, and a literal without having a type.
BEFORE_PARENTHESIS = words(
    """
    all and any between both by case distinct else escape exists filter from ilike in leading like not or over some
    symmetric then trailing when where zone
    """
)
# In GROUP BY.
GROUPINGS = words(
    """
    cube rollup sets
    """
)

# The views and their fields.
VIEWS = {
    "stores": words(
        """
        currency region store_id store_location store_name store_type time_zone today
        """
    ),
    "customers": words(
        """
        customer_id customer_since is_erased lifetime_value loyalty_tier pseudonym store_id
        """
    ),
    "products": words(
        """
        brand category_name color cost created_at current_stock is_active is_featured lead_time_days maximum_stock
        minimum_stock model price product_description product_id product_name rating_average rating_count
        reorder_point size sku stock_value store_id supplier_name tags top_category_name weight_kg
        """
    ),
    "sales": words(
        """
        cashier_id customer_id discount_amount local_date local_time net_revenue original_transaction_id
        payment_method receipt_number register_id store_id tax_amount total_amount transaction_date transaction_id
        transaction_type
        """
    ),
    "sale_items": words(
        """
        cost discount_amount item_id local_date margin net_revenue product_id store_id tax_amount transaction_id
        transaction_type unit_cost unit_price units
        """
    ),
}
SCHEMA = "analytics"
# What the audit log keeps of these names.
SCHEMA_WORDS = frozenset({SCHEMA}).union(VIEWS, *VIEWS.values())
