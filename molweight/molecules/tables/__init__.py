"""CSV, TSV, SMI, SDF and Parquet files of molecules: read in pieces, written whole or not at all."""

from molweight.molecules.tables.reading import Chunk, MoleculeFile, open_molecules
from molweight.molecules.tables.writing import Writer, table_writer

__all__ = ["Chunk", "MoleculeFile", "Writer", "open_molecules", "table_writer"]
