"""The JSON documents, by what they are. A resource, a message and an answer have types in `schema/`: they are
JSON only where they are stored, sent as they are, or not yet read. All others have none, since their shape is
an owner's, a model's or a vendor's. `scripts/house.py` counts the two kinds apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ResourceDocument = Mapping[str, Any]
"""A resource as it is stored or shown, whole."""

MessageDocument = Mapping[str, Any]
"""A server message, `{"message": {...}}`, or one of the documents in it: made, and handed through."""

Answer = Mapping[str, Any]
"""What an owner's server has answered, before it is read (`answers.py`)."""

Variables = Mapping[str, Any]
"""What the templates of a call may use, by name."""

Arguments = Mapping[str, Any]
"""What a model has called a tool with."""

ParametersSchema = Mapping[str, Any]
"""A JSON schema, as models' APIs take it."""

ColumnValues = Mapping[str, Any]
"""Columns of a row of the database, or what a statement is given, by name."""

PlaneMessage = Mapping[str, Any]
"""What the processes of a node tell each other, and what they tell of themselves."""

VendorMessage = Mapping[str, Any]
"""What a vendor's server sends, or is sent, in a form of its own."""

OpenApiDocument = Mapping[str, Any]
"""The document of the API, or a part of it."""
