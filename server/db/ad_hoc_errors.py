"""What a caller is told of its own SQL's errors: kind and place, in our words.

The database's text may hold values of rows, and names that are not open here; none of it is repeated.
"""

from __future__ import annotations

from server.errors import InvalidInputError

TOO_LARGE = "RT004"

_SEE_SCHEMA = "get_schema lists what there is"
# By SQLSTATE, else by its class. Source: PostgreSQL 18 documentation, appendix A.
_REASONS = {
    "42601": "it is not valid SQL",
    "42P01": f"it names a table that is not there; {_SEE_SCHEMA}",
    "3F000": f"it names a schema that is not there; {_SEE_SCHEMA}",
    "42703": f"it names a field that is not there; {_SEE_SCHEMA}",
    "42704": f"it names a type or something else that is not there; {_SEE_SCHEMA}",
    "42883": "it calls a function or an operator that does not exist for these types of values; cast them, for example "
    "x::numeric or x::text",
    "42501": f"it uses a table, a function or an operator that is not open here; {_SEE_SCHEMA}",
    "42702": "it names a field that several of its tables have; put the table's alias before it",
    "42725": "it calls a function or an operator for which its types leave a choice; cast the values",
    "42803": "a field is neither grouped nor aggregated; add it to GROUP BY or aggregate it",
    "42P20": "a window function stands where none can; compute it in a subquery first",
    "42804": "types of values do not fit together; cast them",
    "42846": "a value cannot be cast to that type",
    "42P18": "the type of a value cannot be told; cast it",
    "42P10": "ORDER BY, GROUP BY or DISTINCT ON does not fit the list of fields",
    "42712": "two tables have the same alias; name one differently",
    "22012": "it divides by zero; write x / nullif(y, 0)",
    "22P02": "a text is cast to a type that it does not look like",
    "22007": "a text is cast to a date or time that it does not look like; write YYYY-MM-DD",
    "22008": "a date or time lies outside of what can be told",
    "22003": "a number is too large for its type; cast to numeric first",
    "21000": "a subquery used as a value gives more than one row; aggregate it or add LIMIT 1",
    "0A000": "it uses a feature that is not supported here",
    "25006": "it would change something; only reading is available",
    "53200": "it needs too much memory; ask for less",
    "53400": "it sorts or joins too much; filter or aggregate earlier",
    "54000": "it makes a value that is too large",
    "54001": "it is nested too deeply",
    "54011": "it has too many fields",
    TOO_LARGE: "a text, an array or a list in it becomes larger than 2,000 bytes, or a series longer than 10,000 "
    "rows; shorten, filter or aggregate earlier",
}
_CLASSES = {
    "22": "a value does not fit what is done with it",
    "42": f"it does not fit the tables or the rules of SQL; {_SEE_SCHEMA}",
    "54": "it is too large or too complex",
}


def caller_error(sqlstate: str, position: int, sql: str) -> InvalidInputError | None:
    """The error for a caller whose SQL failed with this state, or None where the SQL is not at fault.

    Args:
        sqlstate: As the database gave it.
        position: Character of the caller's text, from 1; anything else where that is not known.
        sql: That text.
    """
    reason = _REASONS.get(sqlstate) or _CLASSES.get(sqlstate[:2])
    if reason is None:
        return None
    place = ""
    if 1 <= position <= len(sql):
        place = f" at character {position} (line {sql.count(chr(10), 0, position - 1) + 1})"
    return InvalidInputError(f"The query failed{place}: {reason}.")
