"""Is a text plainly in another language than English? A model may answer in the caller's own, whatever the
assistant is set to, and English words in the middle of it would be wrong."""

from __future__ import annotations

import re
from typing import Final

from offhook.language.words import word_set

_WORD = re.compile(r"[^\W\d_]{1,40}")
_ENGLISH: Final = word_set(
    "the and is are of to in for you your we our it that this with at on be have from or by "
    "will can a an i my "
    "call please what when how not if do does was were there here which open closed today tomorrow"
)
_OTHERS: Final = word_set(
    # Spanish, Portuguese
    "el los las una del que y es son con por para su sus está están estamos hay como muy pero más usted "
    "nuestro nuestra gracias hasta cuesta os uma não você são nosso obrigado até custa às "
    # French
    "le les une des et est sont avec pour vous nous votre notre dans sur au aux ce cette merci jusqu coûte "
    # German, Dutch
    "der die das und ist sind mit für sie wir ihr ihre ein eine einen nicht auf von zu im um bis uhr kostet "
    "het een en zijn met voor wij uw onze niet van naar tot "
    # Italian
    "il lo gli della di che sono per suo nostra grazie fino alle dalle costa "
)
_LATIN_END: Final = "\u024f"


def plainly_not_english(text: str) -> bool:
    """Two words more that are not English than are, or letters that are mostly not Latin."""
    words = _WORD.findall(text[:1000].lower())
    others = sum(word in _OTHERS for word in words) - sum(word in _ENGLISH for word in words)
    if others >= 2:
        return True
    letters = "".join(words)
    return sum(letter > _LATIN_END for letter in letters) * 2 > len(letters)
