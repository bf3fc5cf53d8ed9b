"""Addresses of mail, of the web and of machines, as they are read out in English."""

from __future__ import annotations

import re

from offhook.conversation.text.rule_table import by_rules
from offhook.conversation.text.spelling import digit_words

_SIGNS = {
    "@": " at ", ".": " dot ", "_": " underscore ", "-": " dash ", "+": " plus ", "/": " slash ",
    "~": " tilde ",
}  # fmt: skip
_TOP = (
    "com|org|net|edu|gov|io|ai|app|dev|co|us|uk|"
    "de|fr|es|it|nl|ca|au|eu|info|biz|me|tv|health|shop|store|online"
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_LONGEST_SITE = (
    r"([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})(:\d{2,5})?((?:/[\w.~-]{1,100}){0,20})/?(?:[?#]\S{0,500})?"
)
_SITE = re.compile(rf"(?<!\]\()\b(?:https?://(?:www\.)?|(?<!/)www\.){_LONGEST_SITE}(?<![.])")
_BARE_SITE = re.compile(
    rf"(?<![\w@./-])((?:[a-z\d-]{{1,63}}\.){{1,4}}(?:{_TOP}))()((?:/[\w.~-]{{1,100}}){{0,20}})/?(?![\w@-]|\.\w)"
)
_MACHINE = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{2,5}))?(?![\w]|\.\d)")
_HANDLE = re.compile(r"(?<![\w@.])@(?=[A-Za-z]\w{1,40})")


def _read_out(address: str) -> str:
    return "".join(_SIGNS.get(each, each) for each in address)


def _mail(found: re.Match[str]) -> str:
    return _read_out(found[0])


def _site(found: re.Match[str]) -> str:
    end = "." if found[0].endswith(".") else ""
    port = f" colon {' '.join(found[2][1:])}" if found[2] else ""
    return f"{_read_out(found[1])}{port}{_read_out(found[3])}".rstrip() + end


def _machine(found: re.Match[str]) -> str:
    parts = found[1].split(".")
    if any(int(part) > 255 for part in parts):
        return found[0]
    port = f" port {digit_words(found[2])}" if found[2] else ""
    return " dot ".join(digit_words(part) for part in parts) + port


email = by_rules((_SITE, _site), (_MAIL, _mail), (_BARE_SITE, _site), (_MACHINE, _machine), (_HANDLE, "at "))
"""`email` of the API: addresses of mail, of the web, of machines, and names behind an @."""
