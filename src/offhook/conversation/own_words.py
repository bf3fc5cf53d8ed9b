"""What an assistant says of itself where its owner has written nothing: a call is never silent for long, and
never ends without a word. Each has a setting of the owner's that goes before it."""

from __future__ import annotations

from typing import Final

ONE_MOMENT: Final = "One moment, please."
"""A reply takes long. A `model.response.timeout` hook goes before it."""
STILL_TRYING: Final = "Sorry, let me try that again."
"""The model has failed twice; it is asked once more."""
SAY_AGAIN: Final = "I'm sorry, could you say that again?"
"""The model has nothing to say, or has lost its words on the way."""
STILL_THERE: Final = "Are you still there?"
"""The caller is silent. `messagePlan.idleMessages` ([]: none) and hooks on the caller's silence go before."""
NOBODY_THERE: Final = "I can't hear you, so I'll hang up now. Goodbye."
"""The caller stays silent. `messagePlan.silenceTimeoutMessage` ("": nothing) goes before."""
GOODBYE: Final = "Goodbye."
"""The model ends the call without a word. `endCallMessage` ("": nothing) and the tool's message go before."""
