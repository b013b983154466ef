"""Archives: Parquet with an index."""

from __future__ import annotations

import csv
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from falld.samples import archive, archive_writer
from falld.samples.archive import ArchiveRecording, index_path, read_archive
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.index import INDEX_COLUMNS
from falld.samples.recording import PLACEMENTS, FallSpan, Mark, Meta, Recording, RecordingError, Unusable

META = Meta(placement="waist", sample_rate_hz=50.0)


def block(n: int, start: float = 0.0) -> Block:
    t = start + np.arange(n) / 50
    return Block(t, np.tile(np.array([0.01, -0.02, 1.0], np.float32), (n, 1)))


def samples(recording: Recording | Unusable) -> Block:
    assert not isinstance(recording, Unusable), recording
    blocks = list(recording.blocks())
    return Block(np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks]))


def table(numbers: Sequence[int | None], **columns: Any) -> Any:
    n = len(numbers)
    whole = {"t_us": [20_000 * i for i in range(n)], "x_mg": [0] * n, "y_mg": [0] * n, "z_mg": [1000] * n} | columns
    types = {"recording": pa.int32(), "t_us": pa.int64()}
    named = {"recording": numbers, **whole}
    return pa.table({name: pa.array(values, types.get(name, pa.int16())) for name, values in named.items()})


def put(folder: Path, rows: Any, index: str, group: int = 1 << 20) -> str:
    """An archive as somebody else would write it."""
    path = folder / "a.parquet"
    pq.write_table(rows, path, row_group_size=group)
    (folder / "a.index.csv").write_text(index)
    return str(path)


def index(*numbers: int) -> str:
    return "recording,placement,fs\n" + "".join(f"{n},waist,50.0\n" for n in numbers)


def faults(path: str) -> dict[int | None, RecordingError]:
    return {found.number: found.error for found in read_archive(path) if isinstance(found, Unusable)}


def usable(path: str) -> list[int | None]:
    return [found.number for found in read_archive(path) if not isinstance(found, Unusable)]


stamps = hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(-(10**12), 10**12))


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Meta, list[Block]]:
    t = draw(stamps) / 1e6
    mg = draw(hnp.arrays(np.int16, (len(t), 3)))
    acc = np.divide(mg, 1000, dtype=np.float32)
    cut = draw(st.integers(0, len(t)))
    seconds = st.none() | st.floats(0, 1000)
    fall = draw(st.builds(FallSpan, seconds, seconds, seconds))
    text = st.none() | st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=5
    )
    meta = Meta(
        placement=draw(st.sampled_from(PLACEMENTS)),
        sensor=draw(text),
        sample_rate_hz=draw(st.none() | st.floats(0.1, 1000)),
        range_g=draw(st.none() | st.floats(0.1, 1000)),
        subject=draw(text),
        age=draw(st.none() | st.floats(0, 120)),
        sex=draw(text),
        source=draw(text),
        simulated=draw(st.booleans()),
        activity=draw(text),
        is_fall=draw(st.sampled_from([None, False, True])),
        group=draw(text),
        falls=() if fall == FallSpan(None, None) else (fall,),
    )
    return meta, [Block(t[:cut], acc[:cut]), Block(t[cut:], acc[cut:])]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(recordings(), min_size=1, max_size=3), st.sampled_from([7, 1 << 10]))
def test_what_is_written_is_read_back_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[tuple[Meta, list[Block]]], group: int
) -> None:
    monkeypatch.setattr(archive, "GROUP_ROWS", group)
    monkeypatch.setattr(archive_writer, "GROUP_ROWS", group)
    monkeypatch.setattr(archive, "BLOCK_ROWS", 5)
    path = str(tmp_path / "a.parquet")
    with ArchiveWriter(path) as writer:
        assert [writer.add(meta, blocks) for meta, blocks in given] == list(range(len(given)))
    found = list(read_archive(path))
    assert [r.number for r in found] == list(range(len(given)))
    for recording, (meta, blocks) in zip(found, given, strict=True):
        assert isinstance(recording, ArchiveRecording)
        assert (recording.source, recording.meta) == (path, meta)
        for _ in range(2):
            read = samples(recording)
            assert read.t.dtype == np.float64
            assert read.acc.dtype == np.float32
            np.testing.assert_array_equal(read.t, np.concatenate([b.t for b in blocks]))
            np.testing.assert_array_equal(read.acc, np.concatenate([b.acc for b in blocks]))


def test_writes_the_format(tmp_path: Path) -> None:
    meta = Meta("wrist", "bma400", 50.0, 8.0, "P1", 81.0, "F", "home", falls=(FallSpan(1.0, 1.5, 2.0),), is_fall=True)
    with ArchiveWriter(tmp_path / "a.parquet") as writer:
        writer.add(meta, [block(100), block(50, 2.0)])
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.schema_arrow.names == ["recording", "t_us", "x_mg", "y_mg", "z_mg"]
    assert [str(t) for t in file.schema_arrow.types] == ["int32", "int64", "int16", "int16", "int16"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.read_row_group(0).slice(149).to_pylist() == [
        {"recording": 0, "t_us": 2_980_000, "x_mg": 10, "y_mg": -20, "z_mg": 1000}
    ]
    with (tmp_path / "a.index.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        (row,) = reader
    assert tuple(reader.fieldnames or ()) == INDEX_COLUMNS
    said = {column: cell for column, cell in row.items() if cell}
    assert said == {
        "recording": "0",
        "dataset": "home",
        "subject": "P1",
        "age": "81.0",
        "sex": "F",
        "placement": "wrist",
        "sensor": "bma400",
        "is_fall": "1",
        "fs": "50.0",
        "n": "150",
        "duration": "2.98",
        "fall_start": "1.0",
        "fall_end": "2.0",
        "impact": "1.5",
        "device_range_g": "8.0",
    }


def test_recordings_come_by_number_and_faults_among_them(tmp_path: Path) -> None:
    rows = table([1] * 3 + [4] * 2 + [6] * 3)
    path = put(tmp_path, rows, "recording,fs\n6,50\n5,50\n4,fast\n1,50\n")
    assert [found.number for found in read_archive(path)] == [1, 4, 5, 6]
    assert usable(path) == [1, 6]
    errors = faults(path)
    assert errors[4].where == index_path(path) + ":4"
    assert "fs is 'fast', not a number" in errors[4].what
    assert errors[5].where == f"{path} recording 5"
    assert "has no rows" in errors[5].what


def test_rows_that_the_index_does_not_name(tmp_path: Path) -> None:
    path = put(tmp_path, table([0, 1, 2]), index(0, 2))
    assert usable(path) == [0, 2]
    assert "not in the index" in faults(path)[1].what


@pytest.mark.parametrize("group", [2, 100])
def test_scattered_and_backward_rows(tmp_path: Path, group: int) -> None:
    path = put(tmp_path, table([0, 0, 0, 2, 2, 3, 1, 1, 3, 4]), index(0, 1, 2, 3, 4), group)
    assert usable(path) == [0, 2, 4]
    errors = faults(path)
    assert "its rows come after those of recording 3" in errors[1].what
    assert "its rows are scattered: they go on in row 8" in errors[3].what


def test_a_row_group_may_be_empty(tmp_path: Path) -> None:
    path = put(tmp_path, table([]), index(0))
    with pq.ParquetWriter(path, table([]).schema) as writer:
        for rows in (table([]), table([0, 0]), table([]), table([0])):
            writer.write_table(rows)
    assert [len(samples(recording)) for recording in read_archive(path)] == [3]


def test_a_missing_value_spoils_its_recording_alone(tmp_path: Path) -> None:
    path = put(tmp_path, table([0, 0, 1, 1, 2], y_mg=[1, 2, 3, None, 5]), index(0, 1, 2))
    zero, one, two = read_archive(path)
    assert len(samples(zero)) == 2
    np.testing.assert_array_equal(samples(two).acc, np.array([[0, 0.005, 1]], np.float32))
    with pytest.raises(RecordingError, match=r"recording 1: a value is missing in row 3"):
        samples(one)


def test_rows_without_a_number(tmp_path: Path) -> None:
    path = put(tmp_path, table([0, 0, None, 1]), index(0, 1))
    assert usable(path) == [0, 1]
    assert "row 2 of the file has no recording number" in faults(path)[None].what


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        ("0,waist,0\n", 2, "fs is 0 Hz"),
        ("0,waist,nan\n", 2, "fs is 'nan', not a number"),
        ("0,waist,50\n0,waist,50\n", 3, "recording 0 is in the index twice"),
        ("0,waist\n", 2, "more or fewer cells"),
        ("0,waist,50,1\n", 2, "more or fewer cells"),
    ],
)
def test_an_index_row_that_is_wrong(tmp_path: Path, rows: str, line: int, what: str) -> None:
    path = put(tmp_path, table([0, 1]), "recording,placement,fs\n" + rows + "1,waist,50\n")
    assert usable(path) == [1]
    error = faults(path)[0]
    assert error.where == f"{index_path(path)}:{line}"
    assert what in error.what


@pytest.mark.parametrize(
    ("column", "cell"), [("is_fall", "2"), ("is_fall", "yes"), ("fall_start", "3s"), ("impact", "inf")]
)
def test_what_scoring_rests_on_must_be_right(tmp_path: Path, column: str, cell: str) -> None:
    path = put(tmp_path, table([0]), f"recording,fs,{column}\n0,50,{cell}\n")
    assert column in faults(path)[0].what


def test_a_row_without_a_number(tmp_path: Path) -> None:
    path = put(tmp_path, table([0]), "recording,fs\n0,50\nx,50\n")
    assert usable(path) == [0]
    assert faults(path)[None].where == index_path(path) + ":3"


def test_empty_cells_say_nothing(tmp_path: Path) -> None:
    columns = [c for c in INDEX_COLUMNS if c != "recording"]
    path = put(tmp_path, table([0]), f"recording,{','.join(columns)}\n0{',' * len(columns)}\n")
    (recording,) = read_archive(path)
    assert not isinstance(recording, Unusable)
    assert recording.meta == Meta()


def test_odd_words_are_warnings(tmp_path: Path) -> None:
    text = "recording,fs,placement,age,device_range_g,is_fall\n0,50,pocket,60+,wide,1.0\n"
    (recording,) = read_archive(put(tmp_path, table([0]), text))
    assert not isinstance(recording, Unusable)
    assert recording.meta.placement == "unknown"
    assert recording.meta.is_fall is True
    assert [
        words in warning for words, warning in zip(("pocket", "age", "range"), recording.meta.warnings, strict=True)
    ]


def broken(folder: Path, how: str) -> str:
    path = put(folder, table([0, 1]), index(0, 1))
    parquet, beside = Path(path), Path(index_path(path))
    raw = parquet.read_bytes()
    match how:
        case "no parquet":
            parquet.unlink()
        case "cut":
            parquet.write_bytes(raw[:-50])
        case "empty":
            parquet.write_bytes(b"")
        case "no column":
            pq.write_table(table([0, 1]).drop_columns(["t_us"]), parquet)
        case "wrong type":
            rows = table([0, 1])
            pq.write_table(rows.set_column(2, "x_mg", rows.column("x_mg").cast("float32")), parquet)
        case "no index":
            beside.unlink()
        case "no fs":
            beside.write_text("recording,placement\n0,waist\n")
        case "empty index":
            beside.write_text("")
        case "latin index":
            beside.write_bytes(b"recording,fs,note\n0,50,ok\n1,50,\xe9\n")
        case "open quote":
            beside.write_text('recording,fs,note\n0,50,"ok\n1,50,\n')
        case "folder":
            parquet.unlink()
            parquet.mkdir()
    return path


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("no parquet", "does not exist"),
        ("cut", "cannot be read as Parquet"),
        ("empty", "cannot be read as Parquet"),
        ("no column", "no column t_us"),
        ("wrong type", "column x_mg holds float, not whole numbers"),
        ("no index", "No such file"),
        ("no fs", "no column fs"),
        ("empty index", "no column recording, fs"),
        ("latin index", "is not UTF-8"),
        ("open quote", "is not CSV"),
        ("folder", "is not a file"),
    ],
)
def test_an_archive_that_cannot_be_opened_is_one_fault(tmp_path: Path, how: str, what: str) -> None:
    path = broken(tmp_path, how)
    (found,) = read_archive(path)
    assert isinstance(found, Unusable)
    assert (found.source, found.number) == (path, None)
    assert what in found.error.what
    assert found.error.remedy


def test_a_damaged_page_names_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(3)
    with ArchiveWriter(path) as writer:
        writer.add(META, [Block(np.arange(5000) / 50, rng.normal(size=(5000, 3)).astype(np.float32))])
    raw = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    raw[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(raw)
    (recording,) = read_archive(path)
    with pytest.raises(RecordingError, match="recording 0: cannot be read as Parquet"):
        samples(recording)


def test_an_empty_archive_says_so(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a.parquet"):
        pass
    assert "holds no recordings" in faults(str(tmp_path / "a.parquet"))[None].what


def test_without_pyarrow_the_remedy_is_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, table([0]), index(0))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert faults(path)[None].remedy == "pip install falld[archive]"
    with pytest.raises(RecordingError, match=r"pip install falld\[archive\]"):
        ArchiveWriter(path)


@pytest.mark.parametrize("g", [33.0, -33.0, np.nan, np.inf])
def test_what_does_not_fit_is_refused(tmp_path: Path, g: float) -> None:
    path = tmp_path / "a.parquet"
    with ArchiveWriter(path) as writer:
        writer.add(META, [block(3)])
        with pytest.raises(RecordingError, match="recording 1: a sample is beyond"):
            writer.add(META, [block(2), Block(np.zeros(1), np.full((1, 3), g, np.float32))])
        with pytest.raises(RecordingError, match="no samples"):
            writer.add(META, [])
        with pytest.raises(RecordingError, match="a stamp is not finite"):
            writer.add(META, [Block(np.array([np.nan]), np.ones((1, 3), np.float32))])
        assert writer.add(META, [block(4)]) == 1
    assert [len(samples(r)) for r in read_archive(path)] == [3, 4]


@pytest.mark.parametrize(
    "meta",
    [
        Meta(falls=(FallSpan(1.0, None), FallSpan(5.0, None))),
        Meta(events=(Mark(1.0, "cancel"),)),
        Meta(expected=()),
    ],
)
def test_what_an_index_cannot_say_is_refused(tmp_path: Path, meta: Meta) -> None:
    with ArchiveWriter(tmp_path / "a.parquet") as writer, pytest.raises(RecordingError, match="no place for"):
        writer.add(meta, [block(3)])
    with ArchiveWriter(tmp_path / "a.parquet") as writer, pytest.raises(RecordingError, match="line break"):
        writer.add(Meta(subject="a\rb"), [block(3)])


def test_an_archive_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def broken_off() -> None:
        with ArchiveWriter(path) as writer:
            writer.add(META, [block(3)])
            assert not path.exists()
            raise KeyError

    with pytest.raises(KeyError):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_cut_off_between_row_groups_spoils_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_writer, "GROUP_ROWS", 10)

    def failing() -> Iterator[Block]:
        yield block(15)
        raise RecordingError("elsewhere", "broke", "mend it")

    def write() -> None:
        with ArchiveWriter(tmp_path / "a.parquet") as writer:
            with pytest.raises(RecordingError, match="broke"):
                writer.add(META, failing())
            with pytest.raises(RecordingError, match="recording 0 was cut off"):
                writer.add(META, [block(3)])

    with pytest.raises(RecordingError, match="recording 0 was cut off"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_two_decoded_row_groups_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, table([0] * 3 + [1] * 5 + [2] * 2), index(0, 1, 2), group=5)
    decoded: list[int] = []
    decode = archive._Archive.decode

    def counting(self: archive._Archive, i: int) -> archive._Group:
        decoded.append(i)
        return decode(self, i)

    monkeypatch.setattr(archive._Archive, "decode", counting)
    for recording in read_archive(path):
        assert not isinstance(recording, Unusable)
        for _ in range(2):
            assert all(len(b) for b in recording.blocks())
    assert decoded == [0, 1]


def test_reads_a_real_archive_twice(data: Path) -> None:
    found = [r for r in read_archive(str(data / "sisfall.parquet")) if not isinstance(r, Unusable)]
    assert (len(found), sum(len(r.meta.falls) for r in found)) == (4505, 1798)
    rows = [len(b) for r in found[:400] + found[-100:] for _ in range(2) for b in r.blocks()]
    assert sum(rows) == 2 * 1_717_772


def test_samples_of_a_real_archive_are_those_of_the_file(data: Path) -> None:
    path = data / "smartfallmm_raw_old.parquet"
    raw = {name: column.to_numpy() for name, column in zip(archive.COLUMNS, pq.read_table(path).columns, strict=True)}
    found = [samples(recording) for recording in read_archive(path)]
    np.testing.assert_array_equal(np.concatenate([b.t for b in found]), raw["t_us"] / 1e6)
    acc = np.concatenate([b.acc for b in found])
    for axis, name in enumerate(archive.COLUMNS[2:]):
        np.testing.assert_array_equal(acc[:, axis], (raw[name] / 1000).astype(np.float32))


def opened(path: str) -> list[ArchiveRecording]:
    found = [one for one in read_archive(path) if isinstance(one, ArchiveRecording)]
    assert found
    return found


def test_a_recording_can_be_given_to_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(put(tmp_path, table([0] * 5 + [1] * 7), index(0, 1), group=4))
    monkeypatch.chdir(tmp_path)
    given_away = opened("a.parquet")
    data = pickle.dumps(given_away)
    monkeypatch.chdir("/")
    arrived = pickle.loads(data)
    for one, other in zip(given_away, arrived, strict=True):
        assert (one.source, one.number, one.meta, one.rows) == (other.source, other.number, other.meta, other.rows)
        assert one.digest() == other.digest()
        assert (samples(one).t == samples(other).t).all()
    assert [one.rows for one in arrived] == [5, 7]
    path.unlink()
    put(tmp_path, table([0] * 5 + [1] * 7, x_mg=[9] * 12), index(0, 1), group=4)
    os.utime(path, ns=(0, 0))
    assert samples(pickle.loads(pickle.dumps(opened(str(path))))[0]).acc[0, 0] == np.float32(0.009), "not the old file"


def test_a_digest_is_of_samples_place_and_description(tmp_path: Path) -> None:
    def digests(rows: Any, index: str, group: int = 4) -> list[str]:
        return [one.digest() for one in opened(put(tmp_path, rows, index, group))]

    first = digests(table([0] * 4 + [1] * 4 + [2] * 4), index(0, 1, 2))
    assert len(set(first)) == 3
    assert digests(table([0] * 4 + [1] * 4 + [2] * 4), index(0, 1, 2)) == first
    more = digests(table([0] * 4 + [1] * 4 + [2] * 4 + [3] * 4), index(0, 1, 2, 3))
    assert more[:3] == first, "what is added changes nothing else"
    moved = digests(table([0] * 4 + [1] * 4 + [2] * 4, x_mg=[0] * 11 + [1]), index(0, 1, 2))
    assert moved[:2] == first[:2]
    assert moved[2] != first[2]
    described = digests(table([0] * 4 + [1] * 4 + [2] * 4), index(0, 1, 2).replace("1,waist", "1,wrist"))
    assert [a == b for a, b in zip(first, described, strict=True)] == [True, False, True]
    assert len(set(digests(table([0] * 2 + [1] * 2 + [2] * 2), index(0, 1, 2), group=6))) == 3
