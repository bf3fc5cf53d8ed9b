"""The formatters of `voice.chunkPlan.formatPlan`: each turns one kind of writing into what is spoken.

`FORMATTERS` has them by the API's names. They run in `ORDER`, each taking from the text what the later ones
would misread. Those in `ENGLISH` make English words."""

from __future__ import annotations

from collections.abc import Mapping

from offhook.conversation.text import marks, measures, moments
from offhook.conversation.text.abbreviations import acronym
from offhook.conversation.text.dialled import phone_number
from offhook.conversation.text.money import money
from offhook.conversation.text.read_out import email
from offhook.conversation.text.rule_table import Format
from offhook.schema.assistants.chunk import Formatter

FORMATTERS: Mapping[Formatter, Format] = {
    "markdown": marks.markdown,
    "asterisk": marks.asterisk,
    "quote": marks.quote,
    "dash": marks.dash,
    "newline": marks.newline,
    "colon": marks.colon,
    "acronym": acronym,
    "dollarAmount": money,
    "email": email,
    "date": moments.american_date,
    "time": moments.time,
    "distance": measures.distance,
    "unit": measures.unit,
    "percentage": measures.percentage,
    "phoneNumber": phone_number,
    "stripAsterisk": marks.strip_asterisk,
}
"""All but `number`, which has a cutoff."""
ORDER: tuple[Formatter, ...] = (
    "email", "markdown", "asterisk", "dollarAmount", "date", "time", "phoneNumber", "distance", "unit",
    "percentage", "quote", "acronym", "dash", "number", "newline", "colon", "stripAsterisk",
)  # fmt: skip
DAY_FIRST: Mapping[Formatter, Format] = {"date": moments.european_date}
"""Instead, where the day of a date is written before its month."""

ENGLISH: frozenset[Formatter] = frozenset(
    {
        "acronym", "dollarAmount", "email", "date", "time", "distance", "unit", "percentage", "phoneNumber",
        "number",
    }
)  # fmt: skip
OFF_BY_DEFAULT: frozenset[Formatter] = frozenset({"asterisk"})
