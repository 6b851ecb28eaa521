"""Whether what was said so far sounds finished: the judgement behind ``semantic_vad``.

A plain rule on the last words instead of a model: an utterance that ends in a hesitation ("um"),
or in a word that wants another one after it ("and", "the", "to"), is not finished; neither is one
of which nothing was understood.
"""

from __future__ import annotations

import re

__all__ = ["sounds_complete"]

_HESITATIONS = "ah eh er erm hm hmm mm uh uhm um umm well"
_CONJUNCTIONS = (
    "although and because but if nor or since so than that though unless until when while"
)
_PREPOSITIONS = "about at between by during for from in into like of onto than to with without"
_DETERMINERS = "a an the my your his its our their some any every each this these those"
_OPENERS = (
    "i i'm i'll i'd he's she's it's we're they're is are was were am do does did can could will"
    " would shall should may might must have has had what's where's who's let's please maybe"
)
_WANTS_MORE = frozenset(
    " ".join((_HESITATIONS, _CONJUNCTIONS, _PREPOSITIONS, _DETERMINERS, _OPENERS)).split()
)


def sounds_complete(text: str) -> bool:
    """Return whether a speaker who said ``text`` has probably finished."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+", text.lower())
    return bool(words) and words[-1] not in _WANTS_MORE
