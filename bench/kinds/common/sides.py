"""Words for places in a picture, as they are after it was mirrored.

Of the 25,190 captions of changes of LEVIR-CC 24 % hold one of them. `up` and `down` aren't among
them, as they mostly belong to verbs ("is cut down"); a right angle stays one; nobody names points
of the compass there.
"""

import re

_ACROSS = (("left", "right"),)
_ALONG = (("top", "bottom"), ("upper", "lower"), ("above", "below"))


def mirrored(caption: str, across: bool, along: bool) -> str:
    """A caption as it is true of the mirrored picture.

    Args:
        caption: of the picture as it was.
        across: whether left and right have changed places.
        along: whether top and bottom have.
    """
    pairs = (_ACROSS if across else ()) + (_ALONG if along else ())
    others = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    if not others:
        return caption
    words = rf"\b({'|'.join(others)})\b(?! angle)"
    return re.sub(words, lambda found: _like(found[0], others), caption, flags=re.IGNORECASE)


def _like(word: str, others: dict[str, str]) -> str:
    other = others[word.lower()]
    return other.capitalize() if word[0].isupper() else other
