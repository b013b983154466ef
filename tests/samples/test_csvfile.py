"""CSV recordings with YAML beside them."""

from __future__ import annotations

import gzip
import pickle
import string
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from falld.samples import csvfile
from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording, write_csv
from falld.samples.recording import PLACEMENTS, FallSpan, Mark, Meta, RecordingError

HEADER = "time_s,x_g,y_g,z_g\n"
ROW = "0.0,0.1,0.2,0.9\n"


def read(path: Path | str) -> Block:
    blocks = list(CsvRecording(path).blocks())
    return Block(np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks]))


def written(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def described(folder: Path, yaml: str | bytes) -> Meta:
    written(folder, HEADER + ROW)
    written(folder, yaml, "a.yaml")
    return CsvRecording(folder / "a.csv").meta


def fault(folder: Path, text: str | bytes, name: str = "a.csv") -> RecordingError:
    path = written(folder, text, name)
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert caught.value.remedy
    return caught.value


def test_reads_the_samples(tmp_path: Path) -> None:
    block = read(written(tmp_path, HEADER + "0.00,0.1,-0.2,0.9\n0.02,1e-1,+2.,.5\n"))
    assert block.t.dtype == np.float64
    assert block.acc.dtype == np.float32
    np.testing.assert_array_equal(block.t, [0.0, 0.02])
    np.testing.assert_array_equal(block.acc, np.array([[0.1, -0.2, 0.9], [0.1, 2.0, 0.5]], np.float32))


@pytest.mark.parametrize(
    "text",
    [
        "x_g,note,time_s,z_g,y_g\n0.1,1,7.5,0.9,0.2\n",
        'x_g,note,time_s,z_g,y_g\n0.1,"walks, then sits",7.5,0.9,0.2\n',
        "x_g,note,time_s,z_g,y_g\n0.1,,7.5,0.9,0.2\n",
        '"time_s","x_g","y_g","z_g"\n7.5,0.1,0.2,0.9\n',
        "time_s, x_g, y_g, z_g\r\n7.5, 0.1, 0.2, 0.9\r\n",
        "\ufefftime_s,x_g,y_g,z_g\n7.5,0.1,0.2,0.9",
        "time_s,x_g,y_g,z_g\n\n7.5,0.1,0.2,0.9\n\r\n  \n",
    ],
    ids=["order", "quoted", "empty-extra", "quoted-header", "crlf", "bom", "blank-lines"],
)
def test_accepts(tmp_path: Path, text: str) -> None:
    block = read(written(tmp_path, text))
    assert block.t.tolist() == [7.5]
    np.testing.assert_array_equal(block.acc, np.array([[0.1, 0.2, 0.9]], np.float32))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", None, "is empty"),
        (HEADER, None, "no samples"),
        (ROW, 1, "no header"),
        ("\n" + HEADER, 1, "no header"),
        ("time_s;x_g;y_g;z_g\n0;1;2;3\n", 1, "no header"),
        ("time_s,x_g,acc_y\n", 1, "no column y_g, z_g"),
        ("time_s,x_g,y_g,z_g,x_g\n", 1, "column x_g is there twice"),
        (HEADER + ROW + "0.1,0.1,0.2 g,0.9\n", 3, "y_g is '0.2 g', not a number"),
        (HEADER + ROW + "# the end\n", 3, "1 columns where the header has 4"),
        (HEADER + ROW + "0.1,0.1,nan,0.9\n", 3, "y_g is nan"),
        (HEADER + ROW + "0.1,0.1,0.2,-inf\n", 3, "z_g is -inf"),
        (HEADER + ROW + "0.1,,0.2,0.9\n", 3, "x_g is empty"),
        (HEADER + ROW + "0.1,1_0,0.2,0.9\n", 3, "x_g is '1_0', not a number"),
        (HEADER + ROW + "0.1,１,0.2,0.9\n", 3, "not a number"),
        (HEADER + ROW + "0.1,0x1,0.2,0.9\n", 3, "not a number"),
        (HEADER + ROW + "0.1,1e39,0.2,0.9\n", 3, "beyond every sensor"),
        (HEADER + ROW + "1e999,0.1,0.2,0.9\n", 3, "beyond every sensor"),
        (HEADER + ROW + "0.1,0.1,0.2,0.9,0.0\n", 3, "5 columns where the header has 4"),
        (HEADER + ROW + "\n" + "0.1,0.1,0.", 4, "3 columns where the header has 4"),
        (HEADER + ROW + '0.1,"0.1"x,0.2,0.9\n', 3, "is not CSV"),
        ((HEADER + ROW).encode() + b"0.1,\xff,0.2,0.9\n", 3, "is not UTF-8"),
        (HEADER + "1" * 100_000, None, "longer than 65536 bytes"),
    ],
)
def test_names_the_line_of_a_fault(tmp_path: Path, text: str | bytes, line: int | None, what: str) -> None:
    error = fault(tmp_path, text)
    if line is not None:
        assert error.where == f"{tmp_path / 'a.csv'}:{line}"
    assert what in error.what


def test_names_the_line_far_into_the_file(tmp_path: Path) -> None:
    error = fault(tmp_path, HEADER + ROW * 70_000 + "0.1,x,0.2,0.9\n" + ROW)
    assert error.where.endswith("a.csv:70002")


def test_samples_before_a_fault_are_given(tmp_path: Path) -> None:
    blocks = CsvRecording(written(tmp_path, HEADER + ROW * 70_000 + "x\n")).blocks()
    assert len(next(blocks)) > 0


@pytest.mark.parametrize("keep", [5, 20, 2000, -4])
def test_a_cut_off_gzip_is_a_fault(tmp_path: Path, keep: int) -> None:
    rng = np.random.default_rng(1)
    rows = "".join(f"{i / 50},{x:.5f},{y:.5f},{z:.5f}\n" for i, (x, y, z) in enumerate(rng.normal(size=(500, 3))))
    error = fault(tmp_path, gzip.compress((HEADER + rows).encode())[:keep], "a.csv.gz")
    assert "gzip" in error.what


def test_what_is_not_gzip_is_a_fault(tmp_path: Path) -> None:
    assert "is not whole gzip" in fault(tmp_path, HEADER + ROW, "a.csv.gz").what


def test_a_missing_file_is_a_fault_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        CsvRecording(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(RecordingError, match="is not a file"):
        CsvRecording(tmp_path / "b.csv")


def test_blocks_start_anew(tmp_path: Path) -> None:
    recording = CsvRecording(written(tmp_path, HEADER + ROW * 3))
    half = recording.blocks()
    next(half)
    assert [len(b) for b in recording.blocks()] == [len(b) for b in recording.blocks()] == [3]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "CHUNK_BYTES", 1 << 14)
    path = written(tmp_path, HEADER + ROW * 30_000)
    tracemalloc.start()
    try:
        n = sum(len(block) for block in CsvRecording(path).blocks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n == 30_000
    assert peak < 1 << 20


finite = st.floats(-1e6, 1e6)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    n = draw(st.integers(1, 20))
    t = draw(hnp.arrays(np.float64, n, elements=st.floats(-1e6, 1e6)))
    acc = draw(hnp.arrays(np.float32, (n, 3), elements=st.floats(-16, 16, width=32)))
    return Block(t, acc)


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
positive = st.floats(0.1, 1000)
spans = st.builds(FallSpan, finite, st.none() | finite, st.none() | finite)
metas = st.builds(
    Meta,
    placement=st.sampled_from(PLACEMENTS),
    sensor=st.none() | text,
    sample_rate_hz=st.none() | positive,
    range_g=st.none() | positive,
    subject=st.none() | text,
    age=st.none() | st.floats(0, 120),
    sex=st.none() | text,
    source=st.none() | text,
    licence=st.none() | text,
    simulated=st.booleans(),
    is_fall=st.sampled_from([None, False, True]),
    events=st.lists(st.builds(Mark, finite, st.sampled_from(["cancel", "help", "marker"])), max_size=2).map(tuple),
    expected=st.none()
    | st.lists(st.dictionaries(st.text(string.ascii_letters, min_size=1), text | finite), max_size=3).map(tuple),
)
fallen = st.builds(Meta, is_fall=st.just(True), falls=st.lists(spans, min_size=1, max_size=3).map(tuple))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=4), metas | fallen, st.sampled_from(["a.csv", "a.csv.gz"]))
def test_what_is_written_is_read_back(tmp_path: Path, given: list[Block], meta: Meta, name: str) -> None:
    write_csv(tmp_path / name, meta, given)
    block = read(tmp_path / name)
    np.testing.assert_allclose(block.t, np.concatenate([b.t for b in given]), rtol=0, atol=0.51e-6)
    np.testing.assert_allclose(block.acc, np.concatenate([b.acc for b in given]), rtol=0, atol=0.6e-5)
    assert CsvRecording(tmp_path / name).meta == meta


def test_counts_of_a_16_bit_sensor_stay_apart(tmp_path: Path) -> None:
    counts = np.arange(-32768, 32768)
    axes = np.resize(counts, (len(counts) // 3 + 1, 3))
    write_csv(tmp_path / "a.csv", Meta(), [Block(np.arange(len(axes)) / 100, (axes / 16384).astype(np.float32))])
    np.testing.assert_array_equal(np.rint(read(tmp_path / "a.csv").acc * 16384), axes)


def test_gzip_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    block = Block(np.arange(3.0), np.ones((3, 3), np.float32))
    write_csv(tmp_path / "a.csv.gz", Meta(), [block])
    write_csv(tmp_path / "b.csv.gz", Meta(), [block])
    first = (tmp_path / "a.csv.gz").read_bytes()
    assert first == (tmp_path / "b.csv.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"
    assert gzip.decompress(first).decode().splitlines()[1] == "0.000000,1.00000,1.00000,1.00000"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    block = Block(np.arange(3.0), np.ones((3, 3), np.float32))
    write_csv(tmp_path / "a.csv", Meta(placement="waist"), [block])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def failing() -> Iterator[Block]:
        yield block
        raise RecordingError("elsewhere", "broke", "mend it")

    bad = Block(np.arange(1.0), np.full((1, 3), np.nan, np.float32))
    for source in (failing(), iter([bad]), iter([])):
        with pytest.raises(RecordingError):
            write_csv(tmp_path / "a.csv", Meta(), source)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written"):
        write_csv(tmp_path / "none" / "a.csv", Meta(), [Block(np.zeros(1), np.ones((1, 3), np.float32))])
    with pytest.raises(RecordingError, match="not named as a CSV"):
        write_csv(tmp_path / "a.txt", Meta(), [Block(np.zeros(1), np.ones((1, 3), np.float32))])


def test_reads_the_description_beside_a_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW).encode()))
    written(tmp_path, "placement: wrist\n", "a.yaml")
    assert CsvRecording(path).meta.placement == "wrist"


def test_reads_the_whole_description(tmp_path: Path) -> None:
    meta = described(
        tmp_path,
        """
        placement: upper_arm
        sensor: lis2dw12
        sample_rate_hz: 50
        range_g: 8
        subject: "07"
        age: 81
        sex: F
        source: a person
        licence: CC0-1.0
        simulated: true
        falls:
        - {onset_s: 3, impact_s: 3.5}
        - {impact_s: 9}
        events:
        - {t_s: 12.5, kind: cancel}
        expected:
        - {event: fall, t: 5.1, impact_t: 3.5}
        """,
    )
    assert meta == Meta(
        placement="upper_arm",
        sensor="lis2dw12",
        sample_rate_hz=50.0,
        range_g=8.0,
        subject="07",
        age=81.0,
        sex="F",
        source="a person",
        licence="CC0-1.0",
        simulated=True,
        is_fall=True,
        falls=(FallSpan(3.0, 3.5), FallSpan(None, 9.0)),
        events=(Mark(12.5, "cancel"),),
        expected=({"event": "fall", "t": 5.1, "impact_t": 3.5},),
    )


@pytest.mark.parametrize(
    ("yaml", "is_fall", "falls"),
    [
        ("sensor: x", None, ()),
        ("falls:", None, ()),
        ("falls: []", False, ()),
        ("falls: [{}]", True, ()),
        ("falls: [{onset_s: 1, end_s: 2}]", True, (FallSpan(1.0, None, 2.0),)),
    ],
)
def test_says_whether_somebody_fell(tmp_path: Path, yaml: str, is_fall: bool | None, falls: object) -> None:
    meta = described(tmp_path, yaml)
    assert meta.is_fall is is_fall
    assert meta.falls == falls


@pytest.mark.parametrize(
    ("yaml", "line", "what"),
    [
        ("- placement: wrist", 1, "the description is not a mapping"),
        ("placement: wrist\nsample_rate_hz: 50 Hz", 2, "sample_rate_hz is '50 Hz', not a number"),
        ("sample_rate_hz: true", 1, "sample_rate_hz is True, not a number"),
        ("sample_rate_hz: .nan", 1, "sample_rate_hz is nan, not a number"),
        ("sample_rate_hz: 0", 1, "sample_rate_hz is 0, not in its range"),
        ("sample_rate_hz: 1" + "0" * 400, 1, "not a number"),
        ("range_g: -8", 1, "range_g is -8, not in its range"),
        ("\nsubject: 7", 2, "subject is 7, not text"),
        ("sex: no", 1, "sex is False, not text"),
        ("simulated: 1", 1, "simulated is 1, not true or false"),
        ("falls: {onset_s: 1}", 1, "not a list"),
        ("falls:\n- 12.5", 2, "falls[0] is not a mapping"),
        ("falls:\n- onset_s: 1\n  impact_s: soon", 3, "impact_s is 'soon', not a number"),
        ("events:\n- {t_s: 1, kind: help}\n- {kind: help}", 3, "t_s is missing"),
        ("events:\n- {t_s: 1, kind: shout}", 2, "kind is 'shout', not a kind of event"),
        ("events: [{t_s: 1}]", 1, "kind is None, not a kind of event"),
        ("expected: [fall]", 1, "expected[0] is not a mapping"),
        ("age: 80\nsex: F\nage: 81", 3, "age is said twice, first in line 1"),
        ("1: 2", 1, "the key 1 in the description is not text"),
        ("sensor: [a\nage: 8", 2, "is not YAML"),
        ("sensor: !!python/object:os.system x", 1, "is not YAML"),
        ("sensor: a\n\x01", 2, "is not YAML"),
        (b"sensor: a\nsubject: \xff", 2, "is not UTF-8"),
        ("sensor: 2020-13-45", None, "holds a value that YAML cannot give"),
        ("[" * 600, None, "holds a value that YAML cannot give"),
        ("sensor: " + "a" * (1 << 20), None, "is larger than"),
    ],
)
def test_names_the_line_of_a_fault_in_the_description(
    tmp_path: Path, yaml: str | bytes, line: int | None, what: str
) -> None:
    with pytest.raises(RecordingError) as caught:
        described(tmp_path, yaml)
    assert caught.value.where == str(tmp_path / "a.yaml") + (f":{line}" if line else "")
    assert what in caught.value.what
    assert caught.value.remedy


def test_says_what_it_ignores(tmp_path: Path) -> None:
    meta = described(tmp_path, "placment: wrist\nplacement: writs\nfalls:\n- {impact: 3}\n")
    where = tmp_path / "a.yaml"
    assert meta.placement == "unknown"
    assert sorted(meta.warnings) == [
        f"{where}:1: unknown key 'placment', ignored; the nearest known one is placement",
        f"{where}:2: placement 'writs' is taken as unknown; the nearest known one is wrist",
        f"{where}:4: unknown key 'impact', ignored; the nearest known one is impact_s",
    ]


@pytest.mark.parametrize("yaml", ["", "# nothing\n", "placement:\n", "\ufeffplacement: unknown\n"])
def test_nothing_said_is_fine(tmp_path: Path, yaml: str) -> None:
    assert described(tmp_path, yaml) == Meta()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_recording_can_be_given_to_another_process(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 20_000
    block = Block(np.arange(n) / 50, np.random.default_rng(0).normal(0, 1, (n, 3)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    write_csv(name, Meta(placement="waist"), [block])
    one = CsvRecording(name)
    data, digest = pickle.dumps(one), one.digest()
    assert 0.7 * n < one.rows < 1.4 * n
    monkeypatch.chdir("/")
    other = pickle.loads(data)
    assert (other.source, other.number, other.meta, other.digest()) == (name, None, one.meta, digest)
    assert sum(len(part) for part in other.blocks()) == n
    write_csv(tmp_path / name, Meta(placement="wrist"), [block])
    assert CsvRecording(str(tmp_path / name)).digest() != digest
    (tmp_path / name).unlink()
    with pytest.raises(RecordingError, match="cannot be read"):
        other.digest()


def test_what_was_read_is_not_held_while_nobody_asks_for_more(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    rows_of_text = (f"{i / 50:.6f},0.123456,0.234567,0.987654\n" for i in range(20_000))
    path.write_text("time_s,x_g,y_g,z_g\n" + "".join(rows_of_text))
    blocks = CsvRecording(path).blocks()
    tracemalloc.start()
    try:
        rows = len(next(blocks))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < rows * 100 + csvfile.CHUNK_BYTES
