"""The task in ClickHouse, in this process: `with_chdb.py INPUT OUT THREADS`.

Each output is a query of its own: one pass that feeds two takes longer on two cores, and twice the
memory. In JSON, Demographic, Attributes and Metrics pass as text and lines are put together from
text, which takes less time than maps.
"""

import sys

import chdb
import task

KEYS = task.join_keys()
SETTINGS = {
    "engine_file_truncate_on_insert": 1,
    "input_format_json_read_objects_as_strings": 1,
    "output_format_json_named_tuples_as_objects": 1,
    "output_format_json_escape_forward_slashes": 0,
    "format_csv_allow_single_quotes": 0,
    "input_format_csv_trim_whitespaces": 0,
}


def main(source, out, threads):
    task_of = csv_task if source.endswith(".csv") else ndjson_task
    settings = SETTINGS | {"max_threads": threads}
    joined = ", ".join(f"{name} = {value}" for name, value in settings.items())
    for query in task_of(source, out):
        chdb.query(f"{query} SETTINGS {joined}")


def ndjson_task(source, out):
    is_export = task.is_export(source)
    table = Ndjson(is_export)
    reason = fault("Location.Country", "User.UserId")
    read = f"file('{source}', 'JSONEachRow', '{declared(table.read)}')"

    def query(name, line, condition):
        target = f"file('{out}/{name}.ndjson', 'LineAsString', 'line String')"
        return f"INSERT INTO FUNCTION {target} SELECT {line} FROM {read} WHERE {condition}"

    yield query("clean", table.line(table.clean, table.changed()), f"{reason} = ''")
    with_reason = table.typed | {"reason": "String"}
    yield query("rejects", table.line(with_reason, {"reason": reason}), f"{reason} != ''")


class Ndjson:
    """The columns of JSON in one of the two shapes: what is read with a type of its own, what of
    that is written, and what passes as text.
    """

    def __init__(self, is_export):
        def of(names, kind="String"):
            return dict.fromkeys(names, f"Nullable({kind})" if is_export else kind)

        more = ["LastName", "Segment"] if is_export else []
        self.location = of(["Country", "City"])
        if is_export:
            self.location |= of(["Region"]) | of(["Latitude", "Longitude"], "Float64")
        self.attributes = ["FirstName", *more, "Email", "Phone"]
        texts = "ChannelType Address Id OptOut EndpointStatus EffectiveDate".split()
        top = dict.fromkeys(texts, "String") | (of(["RequestId"]) if is_export else {})
        of_user = record(dict.fromkeys(self.attributes, "Array(String)"))
        user = {"User": record({"UserId": "String", "UserAttributes": of_user})}
        self.typed = top | {"Location": record(self.location | of(["PostalCode"]))} | user
        self.clean = top | {"Location": record(self.location)} | user
        self.passed_on = ["Demographic", "Attributes", *(["Metrics"] if is_export else [])]
        self.read = self.typed | dict.fromkeys(self.passed_on, "String")

    def changed(self):
        """The columns that a clean record has other values in."""
        path = "User.UserAttributes"
        values = {name: f"{path}.{name}" for name in self.attributes}
        values["Email"] = f"arrayMap(text -> {email_token('text')}, {path}.Email)"
        values["Phone"] = f"arrayMap(text -> {masked('text')}, {path}.Phone)"
        return {
            "Address": masked("Address"),
            "Id": token("endpoint", "Id"),
            "Location": f"({', '.join(f'Location.{name}' for name in self.location)})",
            "User": f"({token('user', 'User.UserId')}, ({', '.join(values.values())}))",
        }

    def line(self, columns, changed):
        """A line of JSON: the columns, and what passes as text before the last brace."""
        values = ", ".join(changed.get(name, name) for name in columns)
        made = f"left(toJSONString(CAST(({values}), '{record(columns)}')), -1)"
        rest = [f"',\"{name}\":', if({name} = '', 'null', {name})" for name in self.passed_on]
        return f"concat({made}, {', '.join(rest)}, '}}')"


def csv_task(source, out):
    header = task.csv_header(source)
    email, phone = "`User.UserAttributes.Email`", "`User.UserAttributes.Phone`"
    changed = {
        "`Address`": masked("Address"),
        "`Id`": token("endpoint", "Id"),
        "`User.UserId`": token("user", "`User.UserId`"),
        email: f"if({email} = '', '', {email_token(email)})",
        phone: masked(phone),
    }
    columns = [f"`{name}`" for name in header]
    kept = [f"`{name}`" for name in header if name not in task.DROPPED]
    reason = fault("`Location.Country`", "`User.UserId`")
    read = f"file('{source}', 'CSVWithNames', '{declared(dict.fromkeys(columns, 'String'))}')"

    def query(name, written, values, condition):
        form = declared(dict.fromkeys(written, "String"))
        target = f"file('{out}/{name}.csv', 'CSVWithNames', '{form}')"
        return f"INSERT INTO FUNCTION {target} SELECT {values} FROM {read} WHERE {condition}"

    values = ", ".join(changed.get(column, column) for column in kept)
    yield query("clean", kept, values, f"{reason} = ''")
    yield query("rejects", [*columns, "reason"], f"*, {reason}", f"{reason} != ''")


def declared(columns):
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def record(columns):
    return f"Tuple({declared(columns)})"


def fault(country, user_id):
    """The first rule that a record breaks, or an empty text."""
    return f"""multiIf(
        ChannelType NOT IN {tuple(task.CHANNELS)}, 'channel',
        OptOut NOT IN {tuple(task.OPT_OUTS)}, 'optout',
        {is_short("Address", 512)}
            OR (ChannelType = 'EMAIL' AND NOT {matches("Address", task.EMAIL)})
            OR (ChannelType IN ('SMS', 'VOICE') AND NOT {matches("Address", task.PHONE)}),
            'address',
        {is_short("Id", 100)} OR {matches("Id", task.TOKEN)}, 'id',
        {country} != '' AND NOT {matches(country, task.COUNTRY)}, 'country',
        {is_short(user_id, 128)} OR {matches(user_id, task.TOKEN)}, 'userid',
        '')"""


def is_short(text, most):
    return f"lengthUTF8({text}) NOT BETWEEN 1 AND {most}"


def matches(text, pattern):
    escaped = pattern.replace("\\", "\\\\")
    return f"match({text}, '^{escaped}$')"


def token(join, text):
    key = f"unhex('{KEYS[join].hex()}')"
    return f"concat('{task.TOKEN_PREFIX}', lower(hex(HMAC('sha256', {text}, {key}))))"


def email_token(text):
    return token("email", f"lower(trimBoth({text}))")


def masked(text):
    length = f"lengthUTF8({text})"
    stars = f"repeat('*', toUInt64({length} - 4))"
    longer = f"concat({stars}, substringUTF8({text}, -4))"
    return f"if({length} > 4, {longer}, repeat('*', {length}))"


if __name__ == "__main__":
    main(*sys.argv[1:])
