"""The MoleculeNet data sets (Wu et al., Chem. Sci. 2018) and where their files come from."""

from dataclasses import dataclass

from molweight.tasks.data import TaskKind


@dataclass(frozen=True)
class SourceFile:
    """A file, its public source, and the SHA-256 of its uncompressed content.

    Attributes:
        name: inside its folder: `moleculenet`, or `text`.
        url: what is downloaded, or the page it is made from.
        sha256: empty where the content has not been seen; the commit named in `url` then stands for it.
        made: how it is made from what lies at `url`; empty where that is the file itself.
    """

    name: str
    url: str
    sha256: str
    made: str = ""


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        files: tables with the same molecules in the same order, each with some of the tasks.
        kind: of all tasks.
        metric: the customary one.
        tasks: columns; where empty, all but the SMILES and `ignored`.
        smiles: column of SMILES.
        ignored: columns that are neither.
        note: what differs from the published set.
    """

    files: tuple[SourceFile, ...]
    kind: TaskKind
    metric: str
    tasks: tuple[str, ...] = ()
    smiles: str = "smiles"
    ignored: tuple[str, ...] = ()
    note: str = ""


_GLAMBARD = (
    "https://raw.githubusercontent.com/GLambard/Molecules_Dataset_Collection/"
    "beb35cd0b76db5adef6cb1fa55807e4cd309aaed/originals/"
)
_DEEPCHEM = "https://raw.githubusercontent.com/deepchem/deepchem/fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80/"
_EGCN = "https://raw.githubusercontent.com/KRICT-DATA/EGCN/7122542e074938f5c6bd3aea0ef03fc7acf76eec/data/"
_MAO = (
    "https://raw.githubusercontent.com/Huanqing-Mao/MoleculeNet_Classification_Data/"
    "563178699e5977dda57a7cff498996bedf6021e4/raw_data/"
)

DATA_SETS: dict[str, DataSet] = {
    "bbbp": DataSet(
        (
            SourceFile(
                "bbbp.csv.gz",
                _GLAMBARD + "BBBP.csv",
                "d07a38487aeac5cee5508413e468043ef3097451d2a112701c2d60be9ec6b662",
            ),
        ),
        "classification",
        "roc_auc",
        tasks=("p_np",),
    ),
    "bace": DataSet(
        (
            SourceFile(
                "bace.csv.gz",
                _MAO + "bace.csv",
                "f3fb9ce90bada3e2bd6148b0df13f8f8145a357bf87df0dd5b391ede974fc737",
            ),
        ),
        "classification",
        "roc_auc",
        tasks=("Class",),
        smiles="mol",
    ),
    "clintox": DataSet(
        (
            SourceFile(
                "clintox.csv.gz",
                _GLAMBARD + "clintox.csv",
                "0bd655529cebe6d94addd48b8afdab6fa0438b4503a470866231793f235d7e61",
            ),
        ),
        "classification",
        "roc_auc",
    ),
    "sider": DataSet(
        (
            SourceFile(
                "sider.csv.gz",
                _GLAMBARD + "sider.csv",
                "71efc6ac4ca82d6545bc512509863281be0f17234afd7adaf71a71899988302e",
            ),
        ),
        "classification",
        "roc_auc",
    ),
    "tox21": DataSet(
        (
            SourceFile(
                "tox21.csv.gz",
                _GLAMBARD + "tox21.csv",
                "7d7e7facd853a63e79ddce4e9c3fcb7a0d83a1c300b603031c0f2c64fbe77761",
            ),
        ),
        "classification",
        "roc_auc",
        ignored=("mol_id",),
    ),
    "toxcast": DataSet(
        (
            SourceFile(
                "toxcast.csv.gz",
                _DEEPCHEM + "examples/toxcast/processing/toxcast_data.csv.gz",
                "0598b33326818254fcb7ced0e039b8e40ed42a18e9063c27cacc1e43b2df0f7a",
            ),
        ),
        "classification",
        "roc_auc",
    ),
    "hiv": DataSet(
        (
            SourceFile(
                "hiv.csv.gz",
                _GLAMBARD + "HIV.csv",
                "54713c3205055055ea4214e8c4b0d22d93af7e54ad2c48f4edc866e161e57262",
            ),
        ),
        "classification",
        "roc_auc",
        tasks=("HIV_active",),
    ),
    "muv": DataSet(
        (
            SourceFile(
                "muv.csv.gz",
                _DEEPCHEM + "datasets/muv.csv.gz",
                "feac9a780cb5f2e5e1c51e6ba61491a524da544ca1d6e4b542f9ad358fe0527b",
            ),
        ),
        "classification",
        "roc_auc",
        ignored=("mol_id",),
    ),
    "esol": DataSet(
        (
            SourceFile(
                "esol.csv.gz",
                _GLAMBARD + "ESOL_delaney-processed.csv",
                "8c06a76f0c6487d29ab0f903e6a7a7139f189ab3c1178f159c8be8964602f189",
            ),
        ),
        "regression",
        "rmse",
        tasks=("measured log solubility in mols per litre",),
    ),
    "freesolv": DataSet(
        (
            SourceFile(
                "freesolv.csv.gz",
                _GLAMBARD + "FreeSolv_SAMPL.csv",
                "ab5895d914ee87cb563bd7b9611e869527bba45bec6b014d34dc495a0f9dcb72",
            ),
        ),
        "regression",
        "rmse",
        tasks=("expt",),
    ),
    "lipophilicity": DataSet(
        (
            SourceFile(
                "lipophilicity.csv.gz",
                _GLAMBARD + "Lipophilicity.csv",
                "aed41590cb30609d51d8e08ad3ff06495a76e80e211358801f596b10da69bacd",
            ),
        ),
        "regression",
        "rmse",
        tasks=("exp",),
    ),
    "qm7": DataSet(
        (
            SourceFile(
                "qm7.csv.gz",
                _EGCN + "qm7.csv",
                "559425d188fb9f3f8b73e4d1cfaab5570e9ba382d21ef4b2bfb90dd8d7c7b5b6",
            ),
        ),
        "regression",
        "mae",
        note="atomisation energy in the source's units, standardised",
    ),
    "qm8": DataSet(
        (
            SourceFile(
                "qm8_e1cam.csv.gz",
                _EGCN + "qm8_e1.csv",
                "a82adb45bb1f75f467eb57192e75cb3e2bdc5bb0e215e71e77ef10ca69863e3a",
            ),
            SourceFile(
                "qm8_f1cam.csv.gz",
                _EGCN + "qm8_f1.csv",
                "8b65525c0419c215764b93632bc87eb95c7e0a66d4a5ea9dcaa95a27f08457a3",
            ),
        ),
        "regression",
        "mae",
        note="2 of the 12 published targets: E1-CAM and f1-CAM",
    ),
}
