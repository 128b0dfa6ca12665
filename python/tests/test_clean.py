"""`Definition.clean`: the records and rejects of a run, from batches."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DEFINITION, Make, batch_of, lines_of, rejects_of

import segprep

GOOD = '{"ChannelType":"EMAIL","Address":"ada@example.com","User":{"UserId":"u1"}}'


def test_lines_become_what_a_run_writes(inputs: Path, records: list[str]) -> None:
    result = segprep.run(inputs, set={"output.0.to": "out/import/"})
    cleaner = segprep.Definition(inputs)
    clean, rejects = cleaner.clean(batch_of(records))
    assert clean.schema.names == ["value"] and clean.schema.field(0).type == pa.string()
    assert clean.column(0).to_pylist() == lines_of(Path("out/import"))
    half = len(records) // 2
    of_run = rejects_of(Path("out/account/rejects.ndjson"))
    numbers = [record for record, _ in of_run]
    restart = next(at for at in range(1, len(numbers)) if numbers[at] < numbers[at - 1])
    of_run = [(record + (half if restart <= at else 0), problems) for at, (record, problems) in enumerate(of_run)]
    assert rejects.schema.names == ["record", "problems"]
    assert [(row["record"], row["problems"]) for row in rejects.to_pylist()] == of_run
    counts = result.counts
    assert 0 < counts["dropped"]["inactive"] and 0 < counts["rejected"]
    assert cleaner.counts == {
        "read": counts["read"],
        "written": counts["written"],
        "rejected": counts["rejected"],
        "dropped": {"inactive": counts["dropped"]["inactive"], "suppressed": 0},
    }


def test_nothing_depends_on_pieces_or_threads(definition: Path, records: list[str]) -> None:
    batch = batch_of(records)
    settings = [{"run.threads": 1}, {"run.threads": 3, "run.chunk_bytes": 1000}, {"run.chunk_bytes": 1}]
    made = [segprep.Definition(definition, set=each).clean(batch) for each in settings]
    assert all(clean.equals(made[0][0]) and rejects.equals(made[0][1]) for clean, rejects in made)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_the_column_keeps_its_name_and_type(definition: Path, kind: pa.DataType) -> None:
    batch = pa.record_batch({"any name": pa.array([GOOD, None, "", GOOD + "\n" + GOOD], kind)})
    clean, rejects = segprep.Definition(definition).clean(batch)
    assert clean.schema == pa.schema([("any name", kind)])
    assert clean.num_rows == 3 and rejects.num_rows == 0
    assert json.loads(clean.column(0)[0].as_py())["User"]["UserId"].startswith("hmac:k1:")


def test_a_slice_of_a_batch_is_that_part(definition: Path) -> None:
    lines = [GOOD.replace("ada", f"a{number}") for number in range(10)]
    clean, _ = segprep.Definition(definition).clean(batch_of(lines).slice(3, 4))
    assert [f"a{number}@" in line for number, line in zip(range(3, 7), clean.column(0).to_pylist(), strict=True)]
    assert clean.num_rows == 4


def test_an_empty_batch_gives_empty_ones(definition: Path) -> None:
    cleaner = segprep.Definition(definition)
    clean, rejects = cleaner.clean(batch_of([]))
    assert (clean.num_rows, rejects.num_rows) == (0, 0)
    clean, rejects = cleaner.clean(pa.record_batch({"Address": pa.array([], pa.string()), "Metrics": pa.array([], pa.null())}))
    assert (clean.num_rows, rejects.num_rows) == (0, 0) and "User" in clean.schema.names


def test_rejects_have_numbers_from_one(definition: Path) -> None:
    lines = [GOOD, "{}", '{"ChannelType":"EMAIL","Address":"nobody"}', "[1]", GOOD]
    _, rejects = segprep.Definition(definition).clean(batch_of(lines))
    rows = rejects.to_pylist()
    assert [row["record"] for row in rows] == [2, 3, 4]
    assert rows[1]["problems"][0]["field"] == "Address" and rows[1]["problems"][0]["code"] == "email"
    assert "nobody" not in str(rows)


def test_columns_are_those_of_parquet_on_both_sides(inputs: Path) -> None:
    keep_all = {
        "fields": {"*": "keep"},
        "output.0.format": "parquet",
        "output.0.to": "out/parquet/",
        "repair": {},
    }
    result = segprep.run(inputs, set=keep_all)
    [part] = result.outputs.to_pylist()
    table = pq.read_table(Path("out/parquet", part["path"]))
    [batch] = table.combine_chunks().to_batches()
    cleaner = segprep.Definition(inputs, set={"fields": {"*": "keep"}, "repair": {}})
    clean, rejects = cleaner.clean(batch)
    assert rejects.num_rows == 0, rejects.slice(0, 3).to_pylist()
    assert clean.to_pylist() == batch.to_pylist()
    assert clean.schema.remove_metadata() == batch.schema.remove_metadata()


def test_columns_may_have_the_types_of_others(definition: Path) -> None:
    batch = pa.record_batch(
        {
            "ChannelType": pa.array(["SMS", "EMAIL"]).dictionary_encode(),
            "Address": pa.array(["(202) 555-0191", None], pa.large_string()),
            "Metrics": pa.array([[("Visits", 3)], None], pa.map_(pa.string(), pa.int32())),
            "Attributes": pa.array([[("Plan", ["pro"])], []], pa.map_(pa.string(), pa.large_list(pa.string_view()))),
            "Location": pa.array([{"Latitude": 1.5, "City": "Köln"}, None]),
            "EffectiveDate": pa.array([1, 2], pa.timestamp("us", tz="Europe/Berlin")),
            "User": pa.array([{"UserId": "u1"}, {"UserId": None}]),
        }
    )
    clean, rejects = segprep.Definition(definition).clean(batch)
    [record] = clean.to_pylist()
    assert record["Address"] == "+12025550191" and record["Metrics"] == [("Visits", 3.0)]
    assert record["Attributes"] == [("Plan", ["pro"])] and record["Location"]["City"] == "Köln"
    assert record["EffectiveDate"].isoformat() == "1970-01-01T00:00:00+00:00"
    assert record["User"]["UserId"].startswith("hmac:")
    assert [row["record"] for row in rejects.to_pylist()] == [2]


def test_a_type_that_no_field_has_is_an_error(definition: Path) -> None:
    batch = pa.record_batch({"Id": ["a"], "secret name": pa.array([b"x"])})
    with pytest.raises(segprep.InputError, match="column 2 of the batch has the type Binary") as raised:
        segprep.Definition(definition).clean(batch)
    assert raised.value.exit_code == 65 and "secret" not in str(raised.value)
    with pytest.raises(TypeError):
        segprep.Definition(definition).clean([GOOD])


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ('[unique]\nby = ["Id"]\n', "`[unique]`"),
        ("[users]\nmax_endpoints = 2\n", "`[users]`"),
        ('[[output]]\nto = "out/profiles/"\nformat = "profiles-csv"\n', "a profile is made of records"),
        ('[[output]]\nto = "out/csv/"\nformat = "pinpoint-csv"\n', "batches need the `columns`"),
    ],
)
def test_what_batches_cannot_be_given_is_refused(definition: Path, section: str, word: str) -> None:
    definition.write_text(DEFINITION.replace('format = "json"\n', "") + "\n" + section)
    with pytest.raises(segprep.DefinitionError) as raised:
        segprep.Definition(definition)
    assert raised.value.exit_code == 78 and word in raised.value.message


def test_lists_apply(with_section: Make, here: Path) -> None:
    (here / "optout.txt").write_text("ada@example.com\n")
    path = with_section('\n[[suppress]]\nfrom = ["optout.txt"]\nfield = "Address"\n')
    cleaner = segprep.Definition(path)
    clean, rejects = cleaner.clean(batch_of([GOOD, GOOD.replace("ada", "bo")]))
    assert (clean.num_rows, rejects.num_rows) == (1, 0)
    assert cleaner.counts["dropped"] == {"inactive": 0, "suppressed": 1}


def test_other_outputs_reject_what_they_have_no_place_for(with_section: Make) -> None:
    path = with_section('\n[[output]]\nto = "out/csv/"\nformat = "pinpoint-csv"\ncolumns = ["ChannelType", "Address"]\n')
    clean, rejects = segprep.Definition(path).clean(batch_of([GOOD]))
    assert clean.num_rows == 0 and rejects.to_pylist()[0]["problems"][0]["code"] == "column"


def test_records_may_be_inside_of_replies(definition: Path) -> None:
    reply = f'{{"EndpointsResponse":{{"Item":[{GOOD},{GOOD}]}}}}'
    cleaner = segprep.Definition(definition, set={"input.records": "EndpointsResponse.Item"})
    clean, rejects = cleaner.clean(batch_of([reply, reply]))
    assert (clean.num_rows, rejects.num_rows) == (4, 0)


def test_a_name_is_shown_if_ten_records_have_it(definition: Path) -> None:
    cleaner = segprep.Definition(definition)
    long = "x" * 101
    bad = f'{{"ChannelType":"EMAIL","Address":"a@example.com","Attributes":{{"Mood":["{long}"]}}}}'
    _, rejects = cleaner.clean(batch_of([bad] * 12))
    fields = [row["problems"][0]["field"] for row in rejects.to_pylist()]
    assert fields[0] == "Attributes.(name of 4 characters)" and fields[-1] == "Attributes.Mood"
    assert fields.count("Attributes.Mood") == 3


def test_a_copy_reads_its_keys_where_it_is(definition: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "hex:" + "ab" * 31 + "cd"
    monkeypatch.setenv("SEGPREP_TEST_KEY", key)
    cleaner = segprep.Definition(definition, set={"keys.k1": "env:SEGPREP_TEST_KEY"})
    pickled = pickle.dumps(cleaner)
    assert key.encode() not in pickled and b"abab" not in pickled
    definition.unlink()
    copy = pickle.loads(pickled)
    assert copy.clean(batch_of([GOOD]))[0].equals(cleaner.clean(batch_of([GOOD]))[0])
    monkeypatch.delenv("SEGPREP_TEST_KEY")
    with pytest.raises(segprep.AccessError) as raised:
        pickle.loads(pickled)
    assert raised.value.exit_code == 77


def test_threads_share_a_definition(definition: Path, records: list[str]) -> None:
    cleaner = segprep.Definition(definition)
    expected = cleaner.clean(batch_of(records[:500]))[0]
    same: list[bool] = []
    work = [threading.Thread(target=lambda: same.append(cleaner.clean(batch_of(records[:500]))[0].equals(expected))) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert same == [True] * 4 and cleaner.counts["read"] == 2500


def test_what_is_shown_has_no_value(definition: Path) -> None:
    cleaner = segprep.Definition(definition)
    cleaner.clean(batch_of([GOOD]))
    assert "ada" not in repr(cleaner) and "demo" in " ".join(cleaner.warnings)
    assert DEFINITION not in repr(cleaner)
