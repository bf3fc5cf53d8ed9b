"""All messages of RFC 4475 in one list, for the parser's tests and for those on the wire."""

from __future__ import annotations

from typing import Final

from tests.sip.rfc4475 import Torture
from tests.sip.rfc4475.application import APPLICATION
from tests.sip.rfc4475.invalid import INVALID
from tests.sip.rfc4475.valid import VALID

MESSAGES: Final[tuple[Torture, ...]] = (*VALID, *INVALID, *APPLICATION)
BY_NAME: Final = {message.name: message for message in MESSAGES}
