"""The demo: its assistant, and the phrases its caller says (`*.wav` beside this file)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

NUMBER_USER: Final = "demo"

ASSISTANT: Final[dict[str, Any]] = {
    "name": "Harbor Dental",
    "firstMessage": "Hello, this is Harbor Dental. How can I help you?",
    "endCallMessage": "Thank you for calling Harbor Dental. Goodbye!",
    "model": {
        "provider": "vapi",
        "messages": [
            {
                "role": "system",
                "content": (
                    "You are the friendly receptionist of Harbor Dental. Keep answers short.\n"
                    "\n"
                    "- Opening hours: we are open Monday to Friday from eight to six.\n"
                    "- Address: we are at twelve Harbor Street, next to the old lighthouse.\n"
                    "- Price of a cleaning: a cleaning costs ninety dollars.\n"
                    "- Insurance: we accept most dental insurance plans.\n"
                    "- Appointments: appointments can be booked on our website or by phone.\n"
                    "- Parking: there is free parking behind the house.\n"
                ),
            }
        ],
        "tools": [{"type": "endCall"}],
    },
}

PHRASES: Final = (
    ("hours", "What are your opening hours?"),
    ("price", "How much does a cleaning cost?"),
    ("weather", "What will the weather be like next week?"),
    ("goodbye", "Thanks, goodbye."),
)
"""File name and words of what the caller says, in this order."""


def phrase_path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.wav")
