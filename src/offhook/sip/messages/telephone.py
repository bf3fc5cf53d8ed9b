"""Whom a URI names: the telephone number in a SIP or tel URI, or the user of a SIP URI (RFC 3261 §19.1.6).

A number may be written with separators, and be followed by parameters that say how to get there (RFC 3966 §3,
RFC 4694, RFC 4904); it is the same number without them."""

from __future__ import annotations

import re
from typing import Final

from offhook.sip.messages.uri import Uri, unescape

_SEPARATORS: Final = str.maketrans("", "", "-.() ")
_DIGITS = re.compile(r"\+?[0-9*#]++")
_PARAMETERS: Final = frozenset(
    """
    cic cic-context cpc enumdi ext isub isub-encoding isup-oli noa npdi oli phone-context postd rn rn-context
    otg tgrp trunk-context user verstat
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
"""Of telephone-subscribers (the IANA registry of tel URI parameters, and what gateways add), lower case."""


def subscriber(user: str) -> str:
    """The number that an unescaped user part stands for: `+15550101001` for `+1(555)010-1001;npdi`. Any other
    user as it is, but for such parameters, which gateways give to callers without a number too."""
    number, *params = user.split(";")
    digits = number.translate(_SEPARATORS)
    if _DIGITS.fullmatch(digits):
        return digits
    names = {param.partition("=")[0].lower() for param in params if param}
    return number if number and names <= _PARAMETERS else user


def subscriber_of(uri: Uri) -> str:
    """The number or user of a SIP or tel URI, "" for one that names nobody."""
    if uri.scheme == "tel":
        return subscriber(unescape(uri.opaque.partition(";")[0]))
    return subscriber(uri.user or "")
