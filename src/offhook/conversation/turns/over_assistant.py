"""The caller makes sound over the assistant: is that an interruption, an acknowledgement, or noise?

Conditions and steps of the table of turns, as in `turn_memory.py`. Without a plan of the owner's the
assistant falls quiet after a moment of voice, or goes on if words known by then are a nod; words that
interrupt end what it says, anything else lets it go on where it fell quiet."""

from __future__ import annotations

from offhook.conversation.turns.interruption import words_of
from offhook.conversation.turns.signals import CallerWentOn, FallQuiet, FinalWords, GoOn, Input, PartialWords
from offhook.conversation.turns.turn_memory import ANSWERABLE_REST, TurnMemory

QUIET_SECONDS = 0.3
"""Of the caller's voice, after which the assistant falls quiet until words are known."""
DOUBTFUL_SECONDS = 0.5
"""The same, where there is a word that may be a misheard hum."""
CERTAIN_SECONDS = 0.9
"""So long nobody hums: such a voice interrupts without a word."""
NODDING_SECONDS = 1.6
"""The same, where the words so far are acknowledgements."""
SHORT_SECONDS = 0.65
"""A lone sound that is over by then, and has no words that interrupt, is an acknowledgement."""
HUM_SECONDS = 0.8
"""So long a sound may be a hum that was understood as a word."""
STILL_WINDOWS = 2
"""So many of the caller's windows without voice, of 32 ms, are a gap."""
_YES = frozenset({"yes", "yeah", "yep", "sure", "right", "okay", "ok", "alright"})
_GREETINGS = frozenset({"hello", "hi", "hey", "hello hello", "hi there", "hello there", "good morning"})


def voice_long_enough(memory: TurnMemory, given: CallerWentOn, at: float) -> bool:
    """By the owner's plan; without one, where it is too long for a hum, or where the caller had only paused
    and the assistant came too soon."""
    stop = memory.stop
    if not memory.interruptible or stop.num_words or given.seconds < stop.voice_seconds:
        return False
    if stop.by_voice or given.seconds >= (NODDING_SECONDS if memory.nods else CERTAIN_SECONDS):
        return True
    return not memory.cut().heard


def voice_that_may_interrupt(memory: TurnMemory, given: CallerWentOn, at: float) -> bool:
    stop = memory.stop
    heeded = memory.interruptible and not (stop.num_words or stop.by_voice or memory.nods)
    if memory.quiet or not heeded or given.seconds <= memory.voiced:
        return False
    doubtful = stop.may_be_misheard(memory.over)
    return given.seconds >= (DOUBTFUL_SECONDS if doubtful else QUIET_SECONDS)


def short_sound_is_over(memory: TurnMemory, given: CallerWentOn, at: float) -> bool:
    over = memory.quiet and given.seconds <= memory.voiced and memory.still + 1 >= STILL_WINDOWS
    said = memory.stop.unacknowledged(memory.over) > 0 and not memory.stop.may_be_misheard(memory.over)
    return over and memory.voiced <= SHORT_SECONDS and not said


def words_that_interrupt(memory: TurnMemory, given: PartialWords | FinalWords, at: float) -> bool:
    stop = memory.stop
    if not memory.interruptible or not stop.interrupts(given.text) or _misheard(memory, given):
        return False
    if isinstance(given, FinalWords):
        return True
    owners = stop.num_words > 0 or stop.by_voice
    return given.steady and (owners or stop.surely_interrupts(given.text))


def answer_to_the_question(memory: TurnMemory, given: FinalWords, at: float) -> bool:
    """A nod, said shortly before a question that it answers is over."""
    if not memory.stop.only_acknowledges(given.text) or not _YES.intersection(words_of(given.text)):
        return False
    asks = memory.cut().asks
    return asks is not None and asks <= ANSWERABLE_REST


def words_that_need_no_answer(memory: TurnMemory, given: FinalWords, at: float) -> bool:
    """Acknowledgements; and greetings over a message that runs on regardless, which people say as they pick
    up and which that message answers."""
    if not given.text.strip() or memory.stop.only_acknowledges(given.text) or _misheard(memory, given):
        return True
    greeting = given.text.lower().strip(" .!?,") in _GREETINGS
    return greeting and not memory.interruptible


def _misheard(memory: TurnMemory, given: PartialWords | FinalWords) -> bool:
    stop = memory.stop
    if stop.num_words or stop.by_voice or not 0 < memory.voiced <= HUM_SECONDS:
        return False
    return stop.may_be_misheard(given.text)


def quiet(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.quiet


def note_the_voice(memory: TurnMemory, given: CallerWentOn, at: float) -> None:
    memory.still = memory.still + 1 if given.seconds <= memory.voiced else 0
    memory.voiced = given.seconds


def note_the_overlap(memory: TurnMemory, given: Input, at: float) -> None:
    """The caller begins to speak over the assistant."""
    memory.forget_the_overlap()


def heed_the_partial(memory: TurnMemory, given: PartialWords, at: float) -> GoOn | None:
    """Words over the assistant that do not interrupt it; not yet, or not at all."""
    memory.over = given.text
    return go_on(memory, given, at) if memory.nods else None


def fall_quiet(memory: TurnMemory, given: Input, at: float) -> FallQuiet:
    memory.quiet = True
    return FallQuiet()


def go_on(memory: TurnMemory, given: Input, at: float) -> GoOn | None:
    """If it had fallen quiet."""
    was, memory.quiet = memory.quiet, False
    return GoOn() if was else None
