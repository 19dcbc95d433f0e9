"""SDF: a mol block for each row, and the columns as its properties."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

import pandas as pd
from rdkit import Chem
from rdkit.Chem.rdDepictor import Compute2DCoords
from rdkit.rdBase import BlockLogs

from molweight.errors import DataError
from molweight.molecules.flat_graphs import Rejected
from molweight.molecules.smiles import explain, parse_each
from molweight.molecules.tables.lines import MAX_LINE, Layout, Row, text_lines

_END = "$$$$"
_PROPERTY = re.compile(r"^>.*?<(.*)>")
_DEPICTED = 500  # atoms: the time to draw grows with the cube, and nobody could read it
_NOTHING = "\n     molweight\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"


@dataclass
class _Record:
    """The text of one record: its mol block, and its properties by name."""

    block: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.block[0].strip() if self.block else ""


def read_sdf(path: Path) -> Layout:
    """The table of a .sdf file: SMILES of the mol block, its title where any has one, and all properties.

    The columns of SMILES and title are `smiles` and `name`, numbered where properties have these names.
    The file is read twice, as the names of all properties must be known before the first row.

    Raises:
        DataError: if the file has no record, or is not text.
    """
    names: dict[str, None] = {}
    records = titles = 0
    for record in _records(path):
        names.update(dict.fromkeys(record.properties))
        records += 1
        titles += bool(record.title)
    if not records:
        raise DataError(f"{path}: the file is empty")
    first = [_free_name("smiles", names)] + [_free_name("name", names)] * (titles > 0)
    return Layout((*first, *names), _rows(path, list(names), titles > 0), first[0], records)


def write_sdf(table: pd.DataFrame, file: IO[Any], smiles_column: str) -> None:
    """Append a record for each row: the molecule drawn in two dimensions, and every column as a property.

    A row that is no molecule gets an empty mol block. Blank lines within a value are left out, as they
    would end it.
    """
    names = [_one_line(c) for c in table.columns]
    texts = [["" if pd.isna(v) else str(v) for v in table[c]] for c in table.columns]
    for (_, found), *values in zip(parse_each(table[smiles_column]), *texts, strict=True):
        file.write(_NOTHING if isinstance(found, Rejected) else _mol_block(found))
        file.writelines(
            f">  <{name}>\n{_property(value)}\n\n" for name, value in zip(names, values, strict=True)
        )
        file.write(_END + "\n")


def _records(path: Path) -> Iterator[_Record]:
    record, size, name = _Record(), 0, None
    in_block = True
    for line in text_lines(path):
        text = line.rstrip("\n")
        size += len(line)
        if size > MAX_LINE:
            raise DataError(f"{path}: a record has more than {MAX_LINE} characters; is this an SDF file?")
        if text.startswith(_END):
            yield record
            record, size, name, in_block = _Record(), 0, None, True
        elif in_block and not (text.startswith(">") and _PROPERTY.match(text)):
            record.block.append(text)
            in_block = not text.startswith("M  END")
        elif name is not None and text.strip():
            record.properties[name] = "\n".join(filter(None, [record.properties[name], text]))
        elif name is None and (found := _PROPERTY.match(text)):
            name, in_block = found[1], False
            record.properties[name] = ""
        else:
            name = None
    if any(text.strip() for text in record.block) or record.properties:
        yield record


def _rows(path: Path, names: list[str], titled: bool) -> Iterator[Row]:
    for record in _records(path):
        smiles, reason = _smiles_of("\n".join(record.block) + "\n")
        title = [record.title] if titled else []
        yield [smiles, *title, *(record.properties.get(name, "") for name in names)], reason


def _smiles_of(block: str) -> tuple[str, str]:
    with BlockLogs():
        mol = _read_block(block, sanitize=True)
        if mol is None:
            return "", explain(_read_block(block, sanitize=False), "not a readable mol block")
        return (str(Chem.MolToSmiles(mol)), "") if mol.GetNumAtoms() else ("", "no atoms")


def _read_block(block: str, sanitize: bool) -> Chem.Mol | None:
    try:
        return Chem.MolFromMolBlock(block, sanitize=sanitize)
    except (RuntimeError, ValueError):  # of some damage RDKit raises, of most it gives None
        return None


def _mol_block(mol: Chem.Mol) -> str:
    mol.ClearProp("_Name")  # which RDKit reads behind a SMILES, and no column holds
    with BlockLogs():
        drawn = mol.GetNumAtoms() <= _DEPICTED
        if drawn:
            Compute2DCoords(mol)
        try:
            return str(Chem.MolToMolBlock(mol, includeStereo=drawn))  # which would draw it after all
        except (RuntimeError, ValueError):
            return str(Chem.MolToMolBlock(mol, includeStereo=drawn, kekulize=False))


def _free_name(name: str, taken: Mapping[str, None]) -> str:
    numbered = (name if n == 1 else f"{name}_{n}" for n in count(1))
    return next(candidate for candidate in numbered if candidate not in taken)


def _one_line(name: str) -> str:
    return " ".join(name.splitlines())


def _property(value: str) -> str:
    lines = [line for line in re.split(r"[\r\n]+", value) if line.strip()]
    return "\n".join(" " + line if line.startswith(_END) else line for line in lines)
