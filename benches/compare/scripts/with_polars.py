"""The task in Polars: `with_polars.py INPUT OUT`. Lazy and streaming; both outputs out of one scan.

The HMAC of polars-hash takes keys of text alone, so it is made of that package's SHA-256. In JSON,
Demographic, Attributes and Metrics pass as text and lines are put together from text: that takes a
third of the time of structs or maps. How many threads there are says POLARS_MAX_THREADS.
"""

import sys

import polars as pl
import polars_hash  # noqa: F401 (its import brings `chash`)
import task

STARS = "*" * 512
KEYS = task.join_keys()
TEXT, TEXTS = pl.String, pl.List(pl.String)
USER_ATTRIBUTES = {
    "plain": ["FirstName", "Email", "Phone"],
    "export": ["FirstName", "LastName", "Email", "Phone", "Segment"],
}


def main(source, out):
    sinks = csv_sinks(source, out) if source.endswith(".csv") else ndjson_sinks(source, out)
    pl.collect_all(sinks, engine="streaming")


def ndjson_sinks(source, out):
    is_export = task.is_export(source)
    attributes = USER_ATTRIBUTES["export" if is_export else "plain"]
    places = ["Country", "City", *(["Region"] if is_export else [])]
    numbers = ["Latitude", "Longitude"] if is_export else []
    passed_on = ["Demographic", "Attributes", *(["Metrics"] if is_export else [])]
    texts = "ChannelType Address Id OptOut EndpointStatus EffectiveDate".split()
    schema = dict.fromkeys([*texts, *passed_on, *(["RequestId"] if is_export else [])], TEXT)
    schema["Location"] = pl.Struct(
        dict.fromkeys([*places, "PostalCode"], TEXT) | dict.fromkeys(numbers, pl.Float64)
    )
    of_user = pl.Struct(dict.fromkeys(attributes, TEXTS))
    schema["User"] = pl.Struct({"UserId": TEXT, "UserAttributes": of_user})

    location, user = pl.col("Location").struct, pl.col("User").struct
    user_id, of_user = user.field("UserId"), user.field("UserAttributes").struct
    judged = pl.scan_ndjson(source, schema=schema).with_columns(
        fault(location.field("Country"), user_id).alias("reason")
    )
    email, phone = (of_user.field(name).list.first() for name in ("Email", "Phone"))
    changed = {
        "Email": list_of(email_token(email), of=email),
        "Phone": list_of(masked(phone), of=phone),
    }
    clean_attributes = pl.struct(
        changed.get(name, of_user.field(name)).alias(name) for name in attributes
    )
    clean = clean_records(judged).with_columns(
        pl.struct(location.field(name) for name in [*places, *numbers]).alias("Location"),
        pl.struct(
            token("user", user_id).alias("UserId"), clean_attributes.alias("UserAttributes")
        ).alias("User"),
    )
    return [
        as_lines(clean, passed_on).sink_csv(f"{out}/clean.ndjson", **LINES),
        as_lines(rejects(judged), passed_on).sink_csv(f"{out}/rejects.ndjson", **LINES),
    ]


# Lines that are ready go through the writer of CSV as they are.
LINES = {"include_header": False, "quote_style": "never", "lazy": True}


def as_lines(records, passed_on):
    """Lines of JSON, with the columns `passed_on` as the text that was read."""
    made = pl.struct(pl.exclude(passed_on)).struct.json_encode()
    rest = []
    for name in passed_on:
        rest += [pl.lit(f',"{name}":'), pl.col(name).fill_null("null")]
    return records.select(pl.concat_str(made.str.head(-1), *rest, pl.lit("}")))


def list_of(value, of):
    return pl.when(of.is_not_null()).then(pl.concat_list(value))


def csv_sinks(source, out):
    country, user_id = pl.col("Location.Country"), pl.col("User.UserId")
    email, phone = "User.UserAttributes.Email", "User.UserAttributes.Phone"
    judged = pl.scan_csv(source, infer_schema=False).with_columns(
        fault(country, user_id).alias("reason")
    )
    clean = clean_records(judged).with_columns(
        token("user", user_id).alias("User.UserId"),
        email_token(pl.col(email)).alias(email),
        masked(pl.col(phone)).alias(phone),
    )
    clean = clean.drop(*task.DROPPED, strict=False)
    return [
        clean.sink_csv(f"{out}/clean.csv", lazy=True),
        rejects(judged).sink_csv(f"{out}/rejects.csv", lazy=True),
    ]


def clean_records(judged):
    """Records without a fault, with what both formats have in the same place."""
    clean = judged.filter(pl.col("reason").is_null()).drop("reason")
    return clean.with_columns(
        masked(pl.col("Address")).alias("Address"), token("endpoint", pl.col("Id")).alias("Id")
    )


def rejects(judged):
    return judged.filter(pl.col("reason").is_not_null())


def fault(country, user_id):
    """The first rule that a record breaks, or null."""
    channel, opt_out, address, identifier = map(pl.col, "ChannelType OptOut Address Id".split())
    is_address = (
        is_long(address, 512)
        & ((channel != "EMAIL") | address.str.contains(f"^{task.EMAIL}$"))
        & (~channel.is_in(["SMS", "VOICE"]) | address.str.contains(f"^{task.PHONE}$"))
    )
    rules = {
        "channel": ~channel.is_in(task.CHANNELS).fill_null(False),
        "optout": ~opt_out.is_in(task.OPT_OUTS).fill_null(False),
        "address": ~is_address,
        "id": ~is_long(identifier, 100) | is_token(identifier),
        "country": ~country.str.contains(f"^{task.COUNTRY}$"),
        "userid": ~is_long(user_id, 128) | is_token(user_id),
    }
    found = pl
    for reason, is_broken in rules.items():
        found = found.when(is_broken).then(pl.lit(reason))
    return found.otherwise(None)


def is_long(text, most):
    return text.str.len_chars().is_between(1, most).fill_null(False)


def is_token(text):
    return text.str.contains(f"^{task.TOKEN}$")


def token(join, text):
    inner, outer = map(pl.lit, task.hmac_blocks(KEYS[join]))
    first = (inner + text.cast(pl.Binary)).chash.sha2_256().str.decode("hex")
    return task.TOKEN_PREFIX + (outer + first).chash.sha2_256()


def email_token(text):
    return token("email", text.str.strip_chars().str.to_lowercase())


def masked(text):
    length = text.str.len_chars()
    kept = pl.when(length > 4).then(4).otherwise(0)
    return pl.concat_str(pl.lit(STARS).str.head(length - kept), text.str.tail(kept))


if __name__ == "__main__":
    main(*sys.argv[1:])
