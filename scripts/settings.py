"""Write docs/settings.md from src/offhook/settings.py.

.venv/bin/python scripts/settings.py
"""

from pathlib import Path

from pydantic.fields import FieldInfo

from offhook.settings import PREFIX, Settings, VendorSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

INTRODUCTION = """\
# Settings

Generated from `src/offhook/settings.py` by `make docs`.

Offhook is set up by environment variables alone; it needs none of them to start. Flags of `offhook serve` \
(`--http`, `--sip`, `--data`) win over the environment. A wrong value ends the start with one line that says \
what to write instead.

| variable | default | meaning |
|---|---|---|
"""


def row(name: str, field: FieldInfo) -> str:
    unset = field.default is None
    value = {True: "1", False: "0"}.get(field.default, str(field.default)) if not unset else ""
    return f"| `{PREFIX}{name.upper()}` | {'unset' if unset else f'`{value}`'} | {field.description} |\n"


def page() -> str:
    fields = sorted(Settings.model_fields.items(), key=lambda item: item[0] in VendorSettings.model_fields)
    return INTRODUCTION + "".join(row(name, field) for name, field in fields)


if __name__ == "__main__":
    PAGE.write_text(page())
