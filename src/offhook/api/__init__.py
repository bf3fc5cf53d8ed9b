"""FastAPI routes, one file per resource; keys, errors, paging. See docs/architecture.md."""

from offhook.api.app import create_app
from offhook.api.links import RecordingLinks, ShortSecret, signing_key
from offhook.api.services import Live, Services

__all__ = ["Live", "RecordingLinks", "Services", "ShortSecret", "create_app", "signing_key"]
