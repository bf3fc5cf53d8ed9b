"""Whom a URI names: the telephone number in a SIP or tel URI, or the user of a SIP URI (RFC 3261 §19.1.6).

A number may be written with separators, and be followed by parameters that say how to get there (RFC 3966 §3,
RFC 4694, RFC 4904); it is the same number without them."""

from __future__ import annotations

import re
from typing import Final

from offhook.sip.messages.uri import Uri, unescape

_SEPARATORS: Final = str.maketrans("", "", "-.() ")
_DIGITS = re.compile(r"\+?[0-9*#]++")
_CONTEXT = re.compile(r";phone-context=\+([1-9][0-9]{0,2})(?:;|$)", re.IGNORECASE)
_PLANS: Final = (("1", re.compile(r"1[2-9][0-9]{2}[2-9][0-9]{6}")), ("7", re.compile(r"7[3-9][0-9]{9}")))
_ANY_PLAN: Final = re.compile(r"[2-9][0-9]{9,14}")
"""Of numbers without their plus (ITU-T E.164), by what they begin with."""
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


def e164(uri: Uri) -> str:
    """The number in E.164 (+15550101001) where it is sure which one is meant, else `subscriber_of`.

    `00` and a country's code say what `+` does in most countries, and a `phone-context` that is no more than
    a country's code (RFC 3966 §5.1.5) that a number is one of that country. What begins with another 0 stays
    as it is: some countries have it in their numbers, and most only dial it."""
    number = subscriber_of(uri)
    if number.startswith("00"):
        return _global(number[2:]) or number
    context = _CONTEXT.search(unescape(uri.opaque) if uri.scheme == "tel" else uri.user or "")
    if context is None or not number.isdecimal() or number.startswith("0"):
        return number
    return _global(context[1] + number, context[1]) or number


def _global(digits: str, code: str = "") -> str | None:
    """As a number of the world, None where it cannot be one, or not of the country with this `code`. Where
    the plan has one length, that is asked for (+1, +7)."""
    plan = next((one for start, one in _PLANS if digits.startswith(start)), _ANY_PLAN)
    if not plan.fullmatch(digits) or (code[:1] in ("1", "7") and len(code) > 1):
        return None
    return f"+{digits}"


def subscriber_of(uri: Uri) -> str:
    """The number or user of a SIP or tel URI, "" for one that names nobody."""
    if uri.scheme == "tel":
        return subscriber(unescape(uri.opaque.partition(";")[0]))
    return subscriber(uri.user or "")
