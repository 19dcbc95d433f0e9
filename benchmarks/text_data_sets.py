"""Text data sets and where their files come from."""

from dataclasses import dataclass

from molweight.benchmarks.datasets import SourceFile
from molweight.benchmarks.text_layouts import (
    Layout,
    headed,
    json_abstracts,
    json_lines,
    labelled_abstracts,
    quoted,
    renamed,
    tab_separated,
)
from molweight.tasks.data import TaskKind


@dataclass(frozen=True)
class TextDataSet:
    """One data set.

    Attributes:
        train: file to learn from.
        valid: file to choose by; where None, a tenth of train.
        test: file to score on.
        layout: of the files.
        metric: the customary one.
        test_layout: of the test file, where it differs.
        kind: of the labels.
        drop_shared: whether rows of train whose text is in the test file too are set aside. Published
            parts are kept as they are, so that figures compare; the number shared is told.
        note: what differs from the published set, and what a label means.
    """

    train: SourceFile
    valid: SourceFile | None
    test: SourceFile
    layout: Layout
    metric: str
    test_layout: Layout | None = None
    kind: TaskKind = "classification"
    drop_shared: bool = False
    note: str = ""


_SHA256 = {  # of the uncompressed content
    "agnews_test": "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
    "agnews_train10k": "7a0811e0006080bf4de17752c5466450ff3db778be71bc5bcf3c4e99b5f0803d",
    "agnews_train5k": "23ff4a798bef4c6f1bab4018f491757b87e124901515e4e208461e022a163401",
    "chemprot_dev": "bfe8f39e5146ad4bb16b23707dade850546a305047bc666f6f6824c6a7e3df2f",
    "chemprot_test": "372249c85ffea6d9a18dc5168cf45841b3d79b03412d6c620381cfc0dd3d6d49",
    "chemprot_train": "ab17b85c4fb869b2338d7c9617414e63f3c7225e5005920b18d9cd996f1049d8",
    "citation_intent_dev": "bc456ac8caf40829dc2d3a44801a385ad8463c80682cbf002c19329b35812b5f",
    "citation_intent_test": "749d083cc3141d54a2bf1475c02a5a1c020c664601d55fe2829bdf85f06db4bb",
    "citation_intent_train": "58eef60d2bbfdabefc3de25191714f769db03134523ef67e87d864112c67908c",
    "cola_dev": "8c013e21dc39957cac37378d87bebe225b694a0d5fe13eded66c2856628833fd",
    "cola_train": "5d5b12531cf75ffe24afa0b14019da6dad82fa7b5639eab3f5716e86402ab592",
    "csabstruct_dev": "37d8fc9a932516b290afacd4d294111141ce31c503260de8be145bd4b28d62f5",
    "csabstruct_test": "de6dfac6e8efed842b45764b1b1c551d72d14da849022544bba95a8a1dcc09cc",
    "csabstruct_train": "0d184597fc87640e0a51d439ed3e3ccff68a28125da6151a3e86005b202829b1",
    "imdb_test": "db7aeb7979add29fe86f3bc4715e70b8943b506412bae3cef2b3fb06537b7636",
    "imdb_train": "00c2bcf8863e0072838030c3c8a71663723c8eb78d7fbe733e80a92442eee35b",
    "mrpc_test": "51a1f197d8786712d2f0d97700f5be653b7488a96cde00e158159350d23e3d90",
    "mrpc_train": "2174e11735d71a0f852d51f77fe098baf52ac01a5dfc54b62ddb41b9837b9ebf",
    "nicta_piboso_dev": "981961ab2cf6016d0892739fc00fb9c36f0b3761d0f5238d8d5d5583f09a0d7a",
    "nicta_piboso_test": "71f1010d99ae1aa25abb8f04f13ee9fb6c78a460769beb6c6f1cbba6d1e1a0e2",
    "nicta_piboso_train": "89dd5b28a4a70982b14de3ff82d6cc8e496c133167dc20feb4a3213b4bafd9af",
    "rte_dev": "80230dfa1347282e7b532b06a1004a76a710087541189bf874223ddf0e3819fb",
    "rte_train": "81d25e323e1ab5b2ad7cd445f1a69db89f2b1c104f3e26915a9421aa4a5f4735",
    "sci_cite_dev": "1dc52ca86748d6638642a204eff94714ca6cd6202e73fbe64eab09e3581cad02",
    "sci_cite_test": "ac76196975f15d3a4317ccd702da9fc774f9a29caa962f87bbd5d1f9b810f1ab",
    "sci_cite_train": "3046a7288579c797052f82b55ec1b243231a7d80653462d052ebbbb2a6bd322b",
    "sciie_relation_extraction_dev": "9500a8e561f1ce50d972b8473525fe24ebae732bde653c381a4c65945965567a",
    "sciie_relation_extraction_test": "be4c06d2b8903783818a5e4cba08c71b954a86f00021907706f66ac3e26c58bd",
    "sciie_relation_extraction_train": "83d395d97de2c02dcb4898af3c6e34b5f5aa19771298fbc9f69ae435fa1258fb",
    "sst2_dev": "92353770071a2a889f75d000a38a9e541ea8f0a5499e50f040b17917a5cbf66f",
    "sst2_test": "54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
    "sst2_train": "920e317b2c52e12cd22db1da2c6708312bd7dc4f3712b9bbf1b50ee6c2c792ba",
    "stsb_dev": "5d7e944d8b02734b07bfdb5df67db3420c64bed153fcaa1ba47ad03480cf4234",
    "stsb_test": "affe45928a66ee5a708531233c95b7dacbbdc57f974f002a3d32ea0180cf816a",
    "stsb_train": "0f71910b59aa1ad973c5897f0791f3b0965a92b8f82b1a95f3eea9f4162fda82",
}
_GITHUB = "https://raw.githubusercontent.com/"
_SCIBERT = _GITHUB + "allenai/scibert/06793f77d7278898159ed50da30d173cdc8fdea9/data/text_classification/"
_CSABSTRUCT = (
    _GITHUB + "allenai/sequential_sentence_classification/cf5ad6c663550dd8203f148cd703768d9ee86ff4/"
    "data/CSAbstruct/"
)
_NICTA = (
    _GITHUB + "jind11/HSLN-Joint-Sentence-Classification/08f1442d582206ae537d30196c19cfa225f53e89/"
    "data/nicta_piboso/"
)
_RCT = _GITHUB + "Franck-Dernoncourt/pubmed-rct/865e02d522bbb0f854e2b422f64446d646d46007/PubMed_20k_RCT/"
_AGNEWS_TRAIN = (
    _GITHUB + "lst11111/bert-text-classification/d52bf84e15f59794226916f08e74702b3f70389c/data/ag_news/"
)
_AGNEWS_TEST = _GITHUB + "mhjabreel/CharCnn_Keras/555590db4219b1243abb1918effd6a7425a2d75f/data/ag_news_csv/"
_ALPS = _GITHUB + "forest-snow/alps/3c7ef2c98249fc975a897b27f275695f97d5b7a9/data/"
_IMDB = "https://ai.stanford.edu/~amaas/data/sentiment/"
_COLA = _GITHUB + "amrnag/Specialized-Transformers/fa673a93a5c27cb1f5954ac2a8a49eec6fcba6b9/data/CoLA/"
_MRPC = _GITHUB + "wooque/text-semantic-similarity/fe3bef5d1ad19bfdeb1a8414ab67aa95ffb19585/data/"
_RTE = _GITHUB + "marcwww/nlu_eval/ccd55c37de74ebd86c70ae58f67dceb0aa444f43/data/RTE/"
_STSB = (
    _GITHUB + "zhangzhenhu/Semantic-Texual-Similarity-Toolkits/"
    "c55a72f51bd15a8bd75114247c06984b432050f9/data/stsbenchmark/"
)

_TENTH = "no published validation part: a stratified tenth of train, the same for every seed"
_HIDDEN = "labels of the published test part are hidden: the published dev part is the test part"
_FEELINGS = {"0": "negative", "1": "positive"}
_TOPICS = ("World", "Sports", "Business", "Sci/Tech")


def _file(name: str, url: str, made: str = "") -> SourceFile:
    return SourceFile(name, url, _SHA256.get(name.partition(".")[0], ""), made)


def _parts(name: str, url: str, ending: str) -> tuple[SourceFile, SourceFile, SourceFile]:
    """Train, dev and test; `{}` in `url` is the part."""
    train, valid, test = (
        _file(f"{name}_{part}.{ending}.gz", url.format(part)) for part in ("train", "dev", "test")
    )
    return train, valid, test


def _imdb(part: str) -> SourceFile:
    made = f"columns id, rating, label, text; a row for each file of {part}/pos (label 1) and {part}/neg (0)"
    return _file(f"imdb_{part}.csv.gz", _IMDB, made)


TEXT_DATA_SETS: dict[str, TextDataSet] = {
    "chemprot": TextDataSet(
        *_parts("chemprot", _SCIBERT + "chemprot/{}.txt", "jsonl"),
        json_lines,
        "micro_f1",
        note="<< >> and [[ ]] mark the two entities; one sentence comes with several pairs of them",
    ),
    "acl-arc": TextDataSet(
        *_parts("citation_intent", _SCIBERT + "citation_intent/{}.txt", "jsonl"), json_lines, "macro_f1"
    ),
    "sciie": TextDataSet(
        *_parts("sciie_relation_extraction", _SCIBERT + "sciie-relation-extraction/{}.txt", "jsonl"),
        json_lines,
        "macro_f1",
    ),
    "sci-cite": TextDataSet(
        *_parts("sci_cite", _SCIBERT + "sci-cite/{}.txt", "jsonl"), json_lines, "macro_f1"
    ),
    "csabstruct": TextDataSet(
        *_parts("csabstruct", _CSABSTRUCT + "{}.jsonl", "jsonl"),
        json_abstracts,
        "micro_f1",
        note="each sentence by itself, without its abstract",
    ),
    "nicta-piboso": TextDataSet(
        *_parts("nicta_piboso", _NICTA + "{}_clean.txt", "txt"),
        labelled_abstracts,
        "micro_f1",
        note="each sentence by itself, without its abstract",
    ),
    "rct": TextDataSet(
        *_parts("rct", _RCT + "{}.txt", "txt"),
        labelled_abstracts,
        "micro_f1",
        note="PubMed RCT 20k; each sentence by itself, without its abstract",
    ),
    "agnews": TextDataSet(
        _file("agnews_train5k.csv.gz", _AGNEWS_TRAIN + "train.csv"),
        None,
        _file("agnews_test.csv.gz", _AGNEWS_TEST + "test.csv"),
        renamed(quoted(1, 0, columns=2), dict(zip("0123", _TOPICS, strict=True))),
        "accuracy",
        test_layout=renamed(quoted(0, 1, 2, columns=3), dict(zip("1234", _TOPICS, strict=True))),
        drop_shared=True,
        note=f"5000 of the 120000 texts of train, title and description; {_TENTH}",
    ),
    "imdb": TextDataSet(
        _imdb("train"),
        None,
        _imdb("test"),
        renamed(quoted(2, 3, columns=4, header=True), _FEELINGS),
        "accuracy",
        note=_TENTH,
    ),
    "sst2": TextDataSet(
        _file("sst2_train.tsv.gz", _ALPS + "SST-2/train.tsv"),
        _file("sst2_dev.tsv.gz", _ALPS + "SST-2/dev.tsv"),
        _file("sst2_test.tsv.gz", _ALPS + "SST-2/test.tsv"),
        renamed(headed("label", "sentence"), _FEELINGS),
        "accuracy",
        note=f"{_HIDDEN}, and a published tenth of train is for validation",
    ),
    "cola": TextDataSet(
        _file("cola_train.tsv.gz", _COLA, "train.tsv and val.tsv, one after the other"),
        None,
        _file("cola_dev.tsv.gz", _COLA + "dev.tsv"),
        renamed(tab_separated(1, 3, columns=4), {"0": "unacceptable", "1": "acceptable"}),
        "matthews",
        note=f"{_HIDDEN}; {_TENTH}",
    ),
    "mrpc": TextDataSet(
        _file("mrpc_train.tsv.gz", _MRPC + "msr_paraphrase_train.txt"),
        None,
        _file("mrpc_test.tsv.gz", _MRPC + "msr_paraphrase_test.txt"),
        renamed(headed("Quality", "#1 String", "#2 String"), {"0": "different", "1": "paraphrase"}),
        "accuracy",
        note=f"F1 as published is that of the class 'paraphrase'; {_TENTH}",
    ),
    "rte": TextDataSet(
        _file("rte_train.tsv.gz", _RTE + "train.tsv"),
        None,
        _file("rte_dev.tsv.gz", _RTE + "dev.tsv"),
        headed("label", "sentence1", "sentence2"),
        "accuracy",
        note=f"{_HIDDEN}; {_TENTH}",
    ),
    "stsb": TextDataSet(
        _file("stsb_train.tsv.gz", _STSB + "sts-train.csv"),
        _file("stsb_dev.tsv.gz", _STSB + "sts-dev.csv"),
        _file("stsb_test.tsv.gz", _STSB + "sts-test.csv"),
        tab_separated(4, 5, 6, columns=7),
        "pearson",
        kind="regression",
        note="similarity from 0 to 5",
    ),
}
