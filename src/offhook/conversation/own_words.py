"""What an assistant says of itself where its owner has written nothing: a call is never silent for long, and
never ends without a word. Each has a setting of the owner's that goes before it."""

from __future__ import annotations

from collections.abc import Mapping
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

APOLOGY: Final = "I'm sorry, something went wrong on our side and I have to end the call. Goodbye."
"""An engine has failed for good. Nothing goes before it."""
NOT_TRANSFERRED: Final = "Sorry, I could not transfer your call. Goodbye."
"""Nobody answers where the caller was to be handed on to. The destination's `fallbackPlan` goes before."""

_IN_OTHER_LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "de": {
        ONE_MOMENT: "Einen Moment, bitte.",
        STILL_TRYING: "Entschuldigung, ich versuche es noch einmal.",
        SAY_AGAIN: "Entschuldigung, können Sie das bitte noch einmal sagen?",
        STILL_THERE: "Sind Sie noch da?",
        NOBODY_THERE: "Ich höre Sie nicht und lege jetzt auf. Auf Wiederhören.",
        GOODBYE: "Auf Wiederhören.",
        APOLOGY: (
            "Es tut mir leid, bei uns ist etwas schiefgegangen, "
            "und ich muss das Gespräch beenden. Auf Wiederhören."
        ),
        NOT_TRANSFERRED: "Entschuldigung, ich konnte Sie nicht verbinden. Auf Wiederhören.",
    },
    "es": {
        ONE_MOMENT: "Un momento, por favor.",
        STILL_TRYING: "Disculpe, lo intento de nuevo.",
        SAY_AGAIN: "Disculpe, ¿puede repetirlo, por favor?",
        STILL_THERE: "¿Sigue ahí?",
        NOBODY_THERE: "No le oigo, así que voy a colgar. Adiós.",
        GOODBYE: "Adiós.",
        APOLOGY: "Lo siento, ha ocurrido un error y tengo que terminar la llamada. Adiós.",
        NOT_TRANSFERRED: "Disculpe, no he podido transferir su llamada. Adiós.",
    },
    "fr": {
        ONE_MOMENT: "Un instant, s'il vous plaît.",
        STILL_TRYING: "Excusez-moi, je réessaie.",
        SAY_AGAIN: "Excusez-moi, pouvez-vous répéter, s'il vous plaît ?",
        STILL_THERE: "Êtes-vous toujours là ?",
        NOBODY_THERE: "Je ne vous entends pas, je vais donc raccrocher. Au revoir.",
        GOODBYE: "Au revoir.",
        APOLOGY: (
            "Je suis désolé, un problème est survenu de notre "
            "côté et je dois mettre fin à l'appel. Au revoir."
        ),
        NOT_TRANSFERRED: "Désolé, je n'ai pas pu transférer votre appel. Au revoir.",
    },
    "it": {
        ONE_MOMENT: "Un momento, per favore.",
        STILL_TRYING: "Mi scusi, riprovo.",
        SAY_AGAIN: "Mi scusi, può ripetere, per favore?",
        STILL_THERE: "È ancora in linea?",
        NOBODY_THERE: "Non la sento, quindi riattacco. Arrivederci.",
        GOODBYE: "Arrivederci.",
        APOLOGY: (
            "Mi dispiace, si è verificato un problema da parte "
            "nostra e devo terminare la chiamata. Arrivederci."
        ),
        NOT_TRANSFERRED: "Mi scusi, non ho potuto trasferire la chiamata. Arrivederci.",
    },
    "pt": {
        ONE_MOMENT: "Um momento, por favor.",
        STILL_TRYING: "Desculpe, vou tentar de novo.",
        SAY_AGAIN: "Desculpe, pode repetir, por favor?",
        STILL_THERE: "Ainda está aí?",
        NOBODY_THERE: "Não consigo ouvir nada, por isso vou desligar. Adeus.",
        GOODBYE: "Adeus.",
        APOLOGY: "Lamento, ocorreu um problema do nosso lado e tenho de terminar a chamada. Adeus.",
        NOT_TRANSFERRED: "Desculpe, não consegui transferir a sua chamada. Adeus.",
    },
}
"""By the first part of a BCP 47 tag."""


def in_language(words: str, language: str) -> str:
    """One of the words above in a language (BCP 47, or the name that a vendor has for it); "" where they are
    not known in it: better nothing than what the caller may not understand."""
    primary = language.replace("_", "-").partition("-")[0].lower()
    return _IN_OTHER_LANGUAGES.get(primary, {}).get(words, "")
