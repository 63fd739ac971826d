"""Parquet and Arrow files of images, as `datasets` and the hub keep them: read row by row through pyarrow, extra `hub`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, missing
from .arrays import as_images
from .columns import Column, choose, chosen
from .dataset import Data
from .folder import Survey
from .meant import ENDINGS
from .member import member
from .messages import cause, shown, unusable
from .parts import Part, joined
from .rows import files_at, slice_in, survey_rows

AGAIN = "make or fetch it again"


@dataclass(frozen=True)
class Table:
    """One table. features: its columns as `datasets` describes them, {} where it does not. groups: how many rows are read at
    once, group by group; read(group, columns) gives them as a pyarrow table. slice: '' where it is not known.
    """

    name: str
    schema: Any
    features: Mapping[str, Any]
    groups: Sequence[int]
    read: Callable[[int, list[str]], Any]
    slice: str = ""


def survey_parquet(path: Path, background: str = "auto") -> Survey | Data:
    """The pictures in a Parquet file, or in those of a folder; background: as in a recipe. Raises DataError, UsageError."""
    return _survey_files(path, ENDINGS["parquet"], _parquet, background)


def survey_arrow(path: Path, background: str = "auto") -> Survey | Data:
    """The pictures in an Arrow file, or in those of a folder, such as `save_to_disk` writes. Raises DataError, UsageError."""
    return _survey_files(path, ENDINGS["arrow"], _arrow, background)


def survey_tables(
    tables: Sequence[Table],
    path: Path,
    choice: Mapping[str, str],
    background: str,
    notes: Sequence[str] = (),
    trusted: bool = False,
) -> Survey | Data:
    """The pictures of tables of the same columns, each with its label and its slice; as arrays where they are lists of numbers.

    trusted: a picture that a table only names is read from the disk. Raises DataError, UsageError.
    """
    where = shown(path, 60)
    image, label, more = choose(_columns(tables[0]), choice, where)
    notes = [*notes, *more]
    notes += [f"images: taken from '{shown(image.name, 30)}'"] if len(tables[0].schema.names) > 2 else []
    names = [each.name for each in (image, label) if each]
    if without := [table for table in tables if not {*names} <= {*table.schema.names}]:
        raise DataError(f"no column {names} ({where}, {shown(without[0].name, 40)}): give tables of the same columns")
    if image.kind == "array":
        data = joined([_arrays(table, image, label, where) for table in tables], path, "")
        return replace(data, notes=(*notes, *data.notes))
    files, slices, values = list[Path](), list[str](), list[Any]()
    for table in tables:
        rows = _Rows(table, image.name, trusted)
        for group, count in enumerate(table.groups):
            front = "" if len(tables) == 1 else f"{table.name}, "
            first = sum(table.groups[:group])
            files += [member(path, f"{front}row {first + row}", partial(rows.picture, group, row)) for row in range(count)]
            slices += [table.slice] * count
            values += table.read(group, [label.name]).column(0).to_pylist() if label else [None] * count
    if not files:
        raise DataError(f"no rows ({where}): give a table that holds some")
    return survey_rows(path, files, slices, values, label, notes, background)


class _Rows:
    """The encoded pictures of a table; the group that was asked for last is kept, as rows are asked for in order."""

    def __init__(self, table: Table, column: str, trusted: bool) -> None:
        self.table, self.column, self.trusted = table, column, trusted
        self.group, self.values = -1, list[Any]()

    def picture(self, group: int, row: int) -> bytes:
        """The picture in a row, counted within its group. Raises ValueError where there is none."""
        if group != self.group:
            self.group, self.values = group, self.table.read(group, [self.column]).column(0).combine_chunks()
        value = self.values[row].as_py()
        body = value.get("bytes") if isinstance(value, dict) else value
        if body:
            return bytes(body)
        place = value.get("path") if isinstance(value, dict) else None
        if place and self.trusted:
            return Path(place).read_bytes()
        raise ValueError("only the path of a picture, not the picture" if place else "no picture in this row")


def _survey_files(
    path: Path, endings: tuple[str, ...], opened: Callable[[Path, str, str], Table], background: str
) -> Survey | Data:
    place, choice = chosen(str(path))
    path = Path(place)
    files = files_at(path, endings)
    names = [file.relative_to(path).as_posix() if file != path else file.name for file in files]
    tables = []
    for file, name, part in zip(files, names, slice_in(names), strict=True):
        try:
            tables.append(opened(file, name, part))
        except ImportError:
            raise missing("pyarrow", "hub") from None
        except Exception as problem:  # pyarrow raises a dozen kinds on damaged files
            raise unusable("cannot read the table", file, "", f"{cause(problem)}; {AGAIN}") from None
    return survey_tables(tables, path, choice, background)


def _parquet(path: Path, name: str, part: str) -> Table:
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path, memory_map=True)
    groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    schema = file.schema_arrow
    return Table(name, schema, _features(schema), groups, partial(file.read_row_group), part)


def _arrow(path: Path, name: str, part: str) -> Table:
    import pyarrow as pa

    mapped = pa.memory_map(str(path))
    try:
        reader = pa.ipc.open_file(mapped)
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except pa.ArrowInvalid:  # the stream format, which `datasets` writes
        mapped.seek(0)
        reader = pa.ipc.open_stream(mapped)
        batches = list(reader)
    return _of_batches(name, reader.schema, batches, part)


def _of_batches(name: str, schema: Any, batches: Sequence[Any], part: str) -> Table:
    import pyarrow as pa

    def read(group: int, columns: list[str]) -> Any:
        return pa.Table.from_batches([batches[group]]).select(columns)

    return Table(name, schema, _features(schema), [batch.num_rows for batch in batches], read, part)


def _features(schema: Any) -> Mapping[str, Any]:
    """What `datasets` says of the columns in the file's own notes."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        return dict(told["info"]["features"])
    except Exception:  # nothing is lost: the types of the columns say enough
        return {}


def _columns(table: Table) -> list[Column]:
    return [_column(field, table.features.get(field.name)) for field in table.schema]


def _column(field: Any, feature: Any) -> Column:
    import pyarrow.types as types

    kind, about = field.type, str(field.type)[:30]
    told = feature if isinstance(feature, dict) else {}
    if told.get("_type") == "ClassLabel":
        return Column(field.name, "class", "classes", tuple(str(name) for name in told.get("names") or ()))
    is_picture = types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    if told.get("_type") == "Image" or (is_picture and not told) or (_is_bytes(kind) and told.get("_type") != "Audio"):
        return Column(field.name, "image", "images")
    if _depth(kind):
        return Column(field.name, "array", about)
    plain = types.is_integer(kind) or types.is_floating(kind) or types.is_string(kind) or types.is_large_string(kind)
    return Column(field.name, "value" if plain or types.is_boolean(kind) or types.is_dictionary(kind) else "", about)


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as types

    return types.is_binary(kind) or types.is_large_binary(kind)


def _depth(kind: Any) -> int:
    """How deep lists of numbers are nested; 0 for what is none."""
    import pyarrow.types as types

    kind, depth = getattr(kind, "storage_type", kind), 0
    while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) else 0


def _arrays(table: Table, image: Column, label: Column | None, where: str) -> Part:
    """The images of a table that keeps them as lists of numbers."""
    spot = f"{shown(image.name, 30)}"
    rows, labels = list[NDArray[Any]](), list[Any]()
    for group in range(len(table.groups)):
        column = table.read(group, [image.name]).column(0)
        rows += [np.array(value.as_py()) for value in column]
        labels += table.read(group, [label.name]).column(0).to_pylist() if label else []
    if len({row.shape for row in rows}) != 1 or not rows[0].size:
        raise DataError(f"lists of several lengths, or of none ({where}, {spot}): give images of one size")
    pixels, notes = as_images(np.stack(rows), "images", f" ({where}, {spot})")
    numbers = np.array(labels) if label else None
    return Part(table.slice, pixels, numbers, (spot, label.name if label else ""), tuple(notes))
