"""Does what the caller says cut the assistant short? (`stopSpeakingPlan`, vapi-wire §5.)

With `numWords` 0 the voice alone decides, after `voiceSeconds` of it; with more, that many transcribed words
do, which a transcriber that works on whole phrases gives only after the caller has paused. Acknowledgements
never interrupt, interruption phrases always do, at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.language.words import hums
from offhook.speech.joined import WORD

_LONGEST_PHRASE = 6
_LETTERS = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation: `I'm here, Uh-huh.` -> im here uh huh; a Chinese sign is one."""
    plain = text.lower().replace("'", "").replace("’", "")
    return [word for run in WORD.findall(plain) for word in _LETTERS.findall(run)]


@dataclass(frozen=True, slots=True)
class InterruptionPlan:
    """Phrases as tuples of words (`words_of`)."""

    num_words: int
    voice_seconds: float
    backoff_seconds: float
    acknowledgements: frozenset[tuple[str, ...]]
    interruptions: frozenset[tuple[str, ...]]

    def only_acknowledges(self, text: str) -> bool:
        """Is `text` made of acknowledgement phrases and humming alone ("right, I see", "mm hmm okay")?"""
        words = words_of(text)
        return bool(words) and self._unacknowledged(words) == 0

    def interrupts(self, text: str) -> bool:
        """Do these words, said while the assistant speaks, cut it short?"""
        words = words_of(text)
        if any(self._phrase_at(self.interruptions, words, index) for index in range(len(words))):
            return True
        return self._unacknowledged(words) > 0 and len(words) >= max(self.num_words, 1)

    def _unacknowledged(self, words: list[str]) -> int:
        count = index = 0
        while index < len(words):
            length = self._phrase_at(self.acknowledgements, words, index)
            if length == 0 and hums(words[index]):
                length = 1
            if length == 0:
                count += 1
            index += max(length, 1)
        return count

    @staticmethod
    def _phrase_at(phrases: frozenset[tuple[str, ...]], words: list[str], index: int) -> int:
        """How many words the longest of `phrases` covers from `index` on; 0 if none begins there."""
        for length in range(min(_LONGEST_PHRASE, len(words) - index), 0, -1):
            if tuple(words[index : index + length]) in phrases:
                return length
        return 0
