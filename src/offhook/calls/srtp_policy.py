"""Whether a leg's audio is protected (SRTP by keys in the SDP, RFC 4568)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

from offhook.sip.messages.crypto import MediaKeys

SrtpMode = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class SrtpPolicy:
    """`optional`: where the peer has keys for it. Whoever reads the signalling reads the keys too, so they
    are only told where that is secure, or `in_clear`."""

    mode: SrtpMode = "optional"
    in_clear: bool = False

    def keys(self, rng: random.Random, *, secure: bool, must: bool = False) -> MediaKeys:
        """Of one leg, by whether its signalling is secure; `must`: whatever the mode."""
        return MediaKeys(rng, may=self.may(secure=secure, must=must), must=must or self.mode == "required")

    def may(self, *, secure: bool, must: bool) -> bool:
        """Whether the peer may be told keys by signalling that is `secure` or not."""
        return (secure or self.in_clear) and (must or self.mode != "off")


USUAL: Final = SrtpPolicy()
