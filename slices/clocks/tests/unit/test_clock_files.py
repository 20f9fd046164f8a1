"""Tests of `function.main` with files of hardware clocks."""

import gzip
import io
import json
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponto.drain.parser import parse
from slices.clocks.document_table import TABLE_KEY
from slices.clocks.tests.clock_files import CLOCK, HardwareClock, contains_personal_data, cpf, month_records, pis
from slices.clocks.tests.unit.test_afd import clocks
from slices.imports.file_formats import GetObject, InvalidFileError
from slices.imports.lines import read_lines
from slices.imports.tests.unit.test_uploads import FakeAws
from slices.imports.tests.unit.test_uploads import fake_aws as fake_aws

EMPLOYEE_FIELDS = [f"0{cpf(11)}", f"9{cpf(12)}", f"0{pis(13)}", f"8{cpf(14)[:10]}3", f"{cpf(15)} "]
UNKNOWN_FIELD = f"0{cpf(99)}"
TABLE = "documento;usuarioId\n" + "".join(
    f"{document};{employee_id}\n"
    for employee_id, document in enumerate((cpf(11), cpf(12), pis(13), cpf(14), cpf(15), cpf(16)), 11)
)

SentPunch = tuple[int, str, int]  # employee id, ponto, NSR


def with_table(fake_aws: FakeAws, table: str = TABLE) -> FakeAws:
    fake_aws.bucket.objects[TABLE_KEY, None] = table.encode()
    return fake_aws


def bucket_with_table(table: dict[str, int]) -> GetObject:
    """Return a function that reads this table of documents from a bucket."""
    text = "documento;usuarioId\n" + "".join(f"{document};{employee_id}\n" for document, employee_id in table.items())
    return lambda *_: text.encode()


def sent_punches(fake_aws: FakeAws) -> list[SentPunch]:
    """Return the punches that were sent, in the order of NSR."""
    punches = []
    for line in fake_aws.queue.punches:
        punch, attributes = json.loads(line.body), line.attributes or {}
        assert punch.keys() == {"usuarioId", "ponto", "dispositivo"}
        _, _, nsr = str(attributes["sourceKey"]).partition("/")
        assert attributes == {"sourceKey": f"{CLOCK}/{nsr}"}
        assert punch["dispositivo"] == CLOCK
        punches.append((punch["usuarioId"], punch["ponto"], int(nsr)))
    return sorted(punches, key=lambda each: each[2])


def expected_punches(clock: HardwareClock, records: list[str]) -> list[SentPunch]:
    """Return the punches of `EMPLOYEE_FIELDS` in some records."""
    employee_ids = dict(zip(EMPLOYEE_FIELDS, range(11, 16), strict=True))
    employee_field = slice(22, 34) if clock.year == 2009 else slice(34, 46)
    punches = []
    for line in records:
        if line[9] == "3" and line[employee_field] in employee_ids:
            time = line[10:34] if clock.year == 2021 else f"2026-10-{line[10:12]}T{line[18:20]}:{line[20:22]}"
            punches.append((employee_ids[line[employee_field]], time, int(line[:9])))
    return punches


@settings(max_examples=20)
@given(clocks, st.booleans(), st.booleans())
def test_punches_of_a_clock_are_sent_and_the_summary_describes_the_file(
    clock: HardwareClock, signature: bool, compressed: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = with_table(FakeAws(patch))
        records = month_records(clock, [*EMPLOYEE_FIELDS, UNKNOWN_FIELD], days=3)
        content = clock.file(*records, signature=signature)
        # The uncompressed file has no line end after its last line.
        fake_aws.run(fake_aws.upload(gzip.compress(content) if compressed else content.rstrip()))

        assert sent_punches(fake_aws) == expected_punches(clock, records)
        (summary,) = fake_aws.result("summary.json")
        assert (summary["accepted"], summary["refused"]) == (30, 6)
        inspection = summary["clock"]
        assert (inspection["number"], inspection["layout"], inspection["firstNsr"], inspection["lastNsr"]) == (
            CLOCK,
            clock.year,
            1,
            len(records),
        )
        assert (len(inspection["settings"]), inspection["found"]) == (3, {"6": 0} | inspection["trailer"])
        reasons = {each["reason"] for each in fake_aws.result("refused.ndjson")}
        assert reasons == {"record of type 3: its CPF or PIS is not in documents/documents.csv"}


@pytest.mark.parametrize(
    ("local", "offset"),
    [
        (datetime(2026, 11, 1, 1, 30), -5),  # occurs twice: the later instant counts
        (datetime(2026, 3, 8, 2, 30), -5),  # does not occur: the offset before the change counts
        (datetime(2026, 3, 8, 3, 30), -4),
    ],
    ids=["occurs twice", "does not occur", "occurs once"],
)
def test_local_time_at_a_change_of_the_zone_is_the_later_instant(local: datetime, offset: int) -> None:
    clock, zone = HardwareClock(2009), ZoneInfo("America/New_York")
    content = io.BytesIO(clock.file(clock.punch(1, EMPLOYEE_FIELDS[0], local)))
    (line,) = read_lines(content, zone, bucket_with_table({cpf(11): 11}))
    assert parse(line.body, zone).ponto == local.replace(tzinfo=UTC) - timedelta(hours=offset)


def damage_lines(rng: random.Random, clock: HardwareClock, records: list[str]) -> list[str]:
    """Return lines, some of them damaged in one of several ways."""
    other = HardwareClock(4030 - clock.year)
    lines = []
    for line in records:
        match rng.randrange(9):
            case 0:
                lines.append(line[: rng.randrange(len(line))])
            case 1:
                lines += [line, line]
            case 2:
                lines.append(other.punch(int(line[:9]), EMPLOYEE_FIELDS[0]))
            case 3:
                lines += ["", "   ", line]
            case 4:
                lines.append(line[:-1] + "é")
            case _:
                lines.append(line)
    if rng.random() < 0.3:
        rng.shuffle(lines)
    return lines


@settings(max_examples=30)
@given(clocks, st.integers(0, 2**32).map(random.Random), st.booleans())
def test_intact_records_of_damaged_file_are_sent_and_results_have_no_personal_data(
    clock: HardwareClock, rng: random.Random, trailer: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = with_table(FakeAws(patch))
        records = month_records(clock, [*EMPLOYEE_FIELDS, UNKNOWN_FIELD], days=2)
        damaged = damage_lines(rng, clock, records)
        fake_aws.run(fake_aws.upload(clock.file(*damaged, trailer=False) + (b"999999999" if trailer else b"")))

        intact = [line for line in damaged if line in records]
        assert sent_punches(fake_aws) == sorted(expected_punches(clock, intact), key=lambda each: each[2])
        for name, content in fake_aws.bucket.results.items():
            assert not contains_personal_data(name + content.decode(), [*EMPLOYEE_FIELDS, UNKNOWN_FIELD])
        inspection = fake_aws.result("summary.json")[0]["clock"]
        numbers = {int(line[:9]) for line in intact}
        missing = {nsr for gap in inspection["gaps"] for nsr in range(gap["first"], gap["last"] + 1)}
        assert numbers.isdisjoint(missing)
        # Damage is not detected in fields without a CRC: names in the layout of 2009, and events.
        all_numbers = set(range(min(numbers), max(numbers) + 1)) if numbers else set()
        events = {int(line[:9]) for line in records if line[9] == "6"}
        assert clock.year == 2009 or (missing | numbers) - events == all_numbers - events


def test_file_with_second_header_or_of_a_program_is_not_sent(fake_aws: FakeAws) -> None:
    with_table(fake_aws)
    clock = HardwareClock()
    program = "0000000997" + f"2026-10-01T08:00:00-0300{EMPLOYEE_FIELDS[0]}2026-10-01T08:00:00-0300020".ljust(127, "a")
    for line, message in ((clock.header(), "second header"), (program, "type 7")):
        records = [*month_records(clock, EMPLOYEE_FIELDS, days=2), "a" * 70_000, line]
        with pytest.raises(InvalidFileError, match=f"line {len(records) + 1}: there is a .*{message}"):
            fake_aws.run(fake_aws.upload(clock.file(*records)))
        assert message in fake_aws.result("failure.json")[0]["reason"]
    assert fake_aws.queue.punches == []


def test_file_fails_without_the_table_of_documents_and_can_be_imported_again(fake_aws: FakeAws) -> None:
    upload = fake_aws.upload(HardwareClock().file(*month_records(HardwareClock(), EMPLOYEE_FIELDS)))
    with pytest.raises(InvalidFileError, match=r"documents\.csv is not in the bucket .*run ponto load documents"):
        fake_aws.run(upload)
    assert "ponto load documents" in fake_aws.result("failure.json")[0]["reason"]
    assert fake_aws.queue.punches == []

    with_table(fake_aws).run(upload)
    assert [name.rpartition("/")[2] for name in fake_aws.bucket.results] == ["summary.json"]


def test_table_with_faults_fails_the_file_without_quoting_documents(fake_aws: FakeAws) -> None:
    with_table(fake_aws, f"{TABLE}{cpf(11)};99\n{cpf(17)[:-1]}x;17\n")
    with pytest.raises(
        InvalidFileError, match="has 2 faults, the first in line 8; ponto load documents lists them"
    ) as caught:
        fake_aws.run(fake_aws.upload(HardwareClock().file(*month_records(HardwareClock(), EMPLOYEE_FIELDS))))
    assert not contains_personal_data(str(caught.value), EMPLOYEE_FIELDS)
    assert fake_aws.queue.punches == []


def test_log_has_no_personal_data(fake_aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    with_table(fake_aws).run(
        fake_aws.upload(HardwareClock().file(*month_records(HardwareClock(), [*EMPLOYEE_FIELDS, UNKNOWN_FIELD])))
    )
    output = capsys.readouterr()
    assert not contains_personal_data(output.out + output.err, [*EMPLOYEE_FIELDS, UNKNOWN_FIELD])
