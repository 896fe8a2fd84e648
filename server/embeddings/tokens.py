"""How many tokens a text is, without the model's tokenizer, which would have to be downloaded."""

from __future__ import annotations

import re

# The pieces that the tokenizers of OpenAI's models cut a text into before they merge bytes: words, up to three
# digits, and everything else, here character by character.
_PIECES = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[^\sA-Za-z0-9]")
_LETTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, rather too many than too few.

    A word counts one for every four letters begun, a number one for every three digits, another character as many
    as it has bytes in UTF-8, which no tokenizer of bytes exceeds. English prose has fewer: most of its words are
    one token, however long.
    """
    return sum(_cost(piece) for piece in _PIECES.findall(text)) or 1


def _cost(piece: str) -> int:
    if piece.isascii():
        return -(-len(piece) // _LETTERS_PER_TOKEN)
    return len(piece.encode(errors="replace"))
