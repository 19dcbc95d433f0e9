"""What a suite of benchmarks does where it is not told otherwise."""

from dataclasses import dataclass

LARGE = frozenset({"hiv", "muv", "qm8"})  # of 10,000 molecules or more
CENTRAL = ("bbbp", "bace", "esol", "freesolv", "lipophilicity", "clintox", "sider")
ALL = (*CENTRAL, "tox21", "toxcast", "qm7", "qm8", "hiv", "muv")  # cheap and central ones first


@dataclass(frozen=True)
class Preset:
    """What a suite does where it is not told otherwise.

    Attributes:
        data_sets: names, in the order in which they are done.
        methods: names, likewise.
        splits: names of splitters, likewise.
        seeds: number of seeds on a data set that is not large, and on one that is.
        budget: name of every method's budget.
        split_seeds: at most so many seeds where another split is drawn for each.
    """

    data_sets: tuple[str, ...]
    methods: tuple[str, ...]
    splits: tuple[str, ...]
    seeds: tuple[int, int]
    budget: str
    split_seeds: int = 3


QUICK_METHODS = ("rf", "finetune", "equal", "tapweight", "tapweight-folds")
METHODS = (
    "rf",
    "rf-descriptors",
    "gbdt",
    "scratch",
    "probe",
    "finetune",
    "single-attribute-masking",
    "single-context-prediction",
    "single-contrastive",
    "single-edge-prediction",
    "single-descriptor-prediction",
    "equal",
    "random-20",
    "uncertainty",
    "gradnorm",
    "cosine",
    "aligned-joint",
    "upgrad",
    "fixed-learned",
    "two-level",
    "tapweight",
    "tapweight-cg",
    "tapweight-strength",
    "tapweight-folds",
)
ABLATIONS = (
    "finetune",
    "finetune@average=5",
    "finetune@encoder_lr_factor=0.1",
    "finetune@descriptors=true",
    "finetune@descriptors=true@fingerprints=true",
    "finetune@descriptors=true@fingerprints=true@forest=true",
    "finetune@descriptors=true@fingerprints=true@boosting=true",
    "finetune@descriptors=true@fingerprints=true@forest=true@boosting=true",
    "equal",
    "equal@head_steps=100",
    "equal@encoder_lr_factor=0.1",
    "equal@descriptors=true",
    "tapweight",
    "tapweight@head_steps=100",
    "tapweight@encoder_lr_factor=0.1",
    "tapweight@descriptors=true",
    "tapweight@proximal=0.1",
    "tapweight@proximal=10",
    "tapweight@every=5",
    "tapweight-cg",
    "tapweight@normalise=false",
    "tapweight@steps=20",
    "tapweight@steps=120",
    "tapweight@weight_lr=1",
    "tapweight-folds",
)
BOTH_SPLITS = ("chiral-scaffold", "random-scaffold")
PRESETS = {
    "quick": Preset(CENTRAL[:4], QUICK_METHODS, BOTH_SPLITS[:1], (3, 3), "quick"),
    "ablations": Preset(CENTRAL[:4], ABLATIONS, BOTH_SPLITS[1:], (3, 3), "quick"),
    "paper": Preset(ALL, METHODS, BOTH_SPLITS, (5, 3), "standard"),
    "full": Preset(ALL, METHODS, BOTH_SPLITS, (10, 5), "full"),
}
