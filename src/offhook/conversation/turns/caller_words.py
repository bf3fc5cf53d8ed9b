"""What the caller said and nobody has answered yet, put together from transcripts as they come."""

from __future__ import annotations

from offhook.speech.joined import joined


class CallerWords:
    """`unanswered`: finals, and a partial that was taken for one. `partial`: what a streaming transcriber has
    heard since. `owed`: speeches that a transcriber of whole phrases still has to answer."""

    __slots__ = ("_answered", "_assumed", "_deferred", "owed", "partial", "partial_at", "unanswered")

    def __init__(self) -> None:
        self.unanswered = ""
        self.partial = ""
        self.partial_at = 0.0
        self.owed = 0
        self._answered = ""  # what the reply that was heard last answers
        self._assumed = ""  # the end of `unanswered` that is only a partial so far
        self._deferred = ""  # said over the assistant, to be answered when it has finished

    def is_news(self, partial: str) -> bool:
        """False for a partial that comes behind its final."""
        bare = _bare(partial)
        return not (bare and not self._assumed and _bare(self.unanswered[-2 * len(partial) :]).endswith(bare))

    def hear(self, partial: str, at: float) -> None:
        self.partial, self.partial_at = partial, at

    def arrived(self, owed: bool) -> None:
        """A final has come: it stands for the partials before it, and pays what was owed."""
        self.owed = max(self.owed - owed, 0)
        self.partial = ""

    def take(self, text: str) -> bool:
        """The words of a final join those unanswered. False if they are known already."""
        text = text.strip()
        if not text:
            return False
        assumed, self._assumed = self._assumed, ""
        if assumed and self.unanswered.endswith(assumed):
            if _bare(text) == _bare(assumed):
                return False
            self.unanswered = self.unanswered.removesuffix(assumed)
        self.unanswered = joined(self.unanswered, text)
        return True

    def repeats(self, text: str) -> bool:
        """Is this the final of a partial that was taken for one? Then it is no news, once."""
        return bool(self._assumed) and _bare(text) == _bare(self._assumed)

    def confirm(self) -> None:
        """The final of the partial that was taken for one has come, and says the same."""
        self._assumed = ""

    def assume(self) -> bool:
        """Take the partial for what will not come any more. False if that changes nothing."""
        partial, self.partial = self.partial.strip(), ""
        changed = self.take(partial)
        self._assumed = partial
        return changed

    @property
    def waiting(self) -> bool:
        """Is there anything to be answered, now or when the assistant has finished, or still to come?"""
        return bool(self.unanswered or self._deferred or self.owed)

    def defer(self, text: str) -> None:
        self._deferred = joined(self._deferred, text)

    def take_deferred(self) -> None:
        self.unanswered = joined(self.unanswered, self._deferred)
        self._deferred = ""

    def drop_deferred(self) -> None:
        self._deferred = ""

    def answer(self) -> None:
        """A reply to what is unanswered is heard."""
        self._answered, self.unanswered = self.unanswered, ""

    @property
    def answered(self) -> bool:
        """Can the last answer be retracted?"""
        return bool(self._answered)

    def retract_answer(self) -> None:
        """Not a word of that reply was heard after all."""
        self.unanswered = joined(self._answered, self.unanswered)

    def drop_unanswered(self) -> None:
        self.unanswered = ""

    def expect_nothing(self) -> None:
        """Another transcriber listens: what the last one still owed is not awaited."""
        self.owed, self.partial = 0, ""


def _bare(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
