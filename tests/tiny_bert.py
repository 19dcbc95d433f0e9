"""A BERT of two layers and width 32 with random weights, as a local folder."""

import string
from pathlib import Path

import torch

from molweight.encoders.transformer_checkpoints import hugging_face

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
WORDS = (
    *("the", "a", "an", "and", "of", "to", "in", "is", "was", "it", "not", "very", "this", "that", "are"),
    *("were", "with", "no", "yes", "more", "less", "film", "movie", "book", "good", "bad", "great", "awful"),
    *(
        "plot",
        "actor",
        "story",
        "cell",
        "protein",
        "gene",
        "drug",
        "acid",
        "binds",
        "strong",
        "weak",
        "time",
        "end",
    ),
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SYMBOLS = [*string.ascii_lowercase, *string.digits, *string.punctuation]


def vocabulary() -> dict[str, int]:
    """Special tokens, letters, digits and punctuation on their own and within words, and fifty words."""
    tokens = [*SPECIAL, *SYMBOLS, *(f"##{symbol}" for symbol in SYMBOLS), "##s", "##ing", *WORDS]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def tiny_bert(folder: Path) -> Path:
    """Write it, weights at seed 0; returns the folder."""
    known = vocabulary()
    with hugging_face() as hub, torch.random.fork_rng([]):
        torch.manual_seed(0)
        config = hub.BertConfig(vocab_size=len(known), max_position_embeddings=64, **SIZES)
        hub.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
        hub.BertTokenizer(vocab=known, model_max_length=64).save_pretrained(folder)
    return folder
