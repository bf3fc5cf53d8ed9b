"""Does what the caller says cut the assistant short? (`stopSpeakingPlan`, vapi-wire §5.)

Where an owner's plan has the voice alone decide, it does, after `voiceSeconds` of it; with `numWords` that
many transcribed words do. Without such a plan words decide, and the voice where there are none yet.
Acknowledgements never interrupt, interruption phrases always do, at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.language.words import hums, word_set
from offhook.speech.joined import WORD

_LONGEST_PHRASE = 6
_SAID_ALONE = word_set(
    "what how why who where when which sorry pardon excuse hello hey help repeat again operator agent "
    "representative person human please thanks bye goodbye cancel later slower louder listen "
    "today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday morning afternoon "
    "evening zero one two three four five six seven eight nine ten eleven twelve both neither "
    "none first second third"
)
_HALF_A_HUM = word_set("no nah not now up")
_ALL_RIGHT = ["all", "right"]
"""What transcribers write for "alright"."""
_LETTERS = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation: `I'm here, Uh-huh.` -> im here uh huh; a Chinese sign is one."""
    plain = text.lower().replace("'", "").replace("’", "")
    return [word for run in WORD.findall(plain) for word in _LETTERS.findall(run)]


@dataclass(frozen=True, slots=True)
class InterruptionPlan:
    """Phrases as tuples of words (`words_of`). `by_voice`: the owner wants the voice alone to decide.
    `english`: the caller is understood as speaking it."""

    num_words: int
    voice_seconds: float
    backoff_seconds: float
    acknowledgements: frozenset[tuple[str, ...]]
    interruptions: frozenset[tuple[str, ...]]
    by_voice: bool = False
    english: bool = True

    def only_acknowledges(self, text: str) -> bool:
        """Is `text` made of acknowledgement phrases and humming alone ("right, I see", "mm hmm okay")?"""
        words = words_of(text)
        return bool(words) and self._unacknowledged(words) == 0

    def unacknowledged(self, text: str) -> int:
        """How many words there are besides acknowledgements and humming."""
        return self._unacknowledged(words_of(text))

    def surely_interrupts(self, text: str) -> bool:
        """The same of words that are heard while they are spoken: the last one may be the half of another, a
        hum is a "no", and "right, I see" was "right, I said" before."""
        words = words_of(text)
        if self.commands(text) and not set(words) <= _HALF_A_HUM:
            return True
        nods = bool(words) and self._unacknowledged(words[:1]) == 0
        return self._unacknowledged(words) > (2 if nods else 1)

    def commands(self, text: str) -> bool:
        """Is there an interruption phrase in it?"""
        words = words_of(text)
        return any(self._phrase_at(self.interruptions, words, index) for index in range(len(words)))

    def may_be_misheard(self, text: str) -> bool:
        """A word alone that hardly anybody says alone: what transcribers make of a hum, or of half a word. Of
        other languages than English it is not known which those are."""
        words = words_of(text)
        return self.english and len(words) == 1 and words[0] not in _SAID_ALONE and not self.commands(text)

    def interrupts(self, text: str) -> bool:
        """Do these words, said while the assistant speaks, cut it short?"""
        words = words_of(text)
        if self.commands(text):
            return True
        return self._unacknowledged(words) > 0 and len(words) >= max(self.num_words, 1)

    def _unacknowledged(self, words: list[str]) -> int:
        count = index = 0
        while index < len(words):
            length = self._phrase_at(self.acknowledgements, words, index)
            if words[index : index + 2] == _ALL_RIGHT and ("alright",) in self.acknowledgements:
                length = 2
            elif length == 0 and (hums(words[index]) or words[index] == "ha"):
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
