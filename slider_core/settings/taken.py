"""Settings that come as JSON text from elsewhere, and take the place of widgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..given import parsed_json, quoted
from .setting import Settings, SettingsError, settings_of


def taken(kind: type[Settings], text: str, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings that the text names, for a `kind` of settings; none for empty text.

    Args:
        others: names that are left aside: settings of another node.

    Raises:
        SettingsError: if it is no JSON object, or names what the kind does not have.
    """
    given = parsed_json(text, "settings", SettingsError) if text.strip() else {}
    if not isinstance(given, Mapping):
        raise SettingsError(f"settings must be an object, {{…}}; it is {quoted(given)}.")
    known = settings_of(kind)
    if unknown := [name for name in given if name not in known and name not in others]:
        raise SettingsError(
            f"settings names {', '.join(map(quoted, unknown[:5]))}, which is no widget of this node. Connect the "
            f"settings output of Load SimpleTuner Dataset."
        )
    return {name: value for name, value in given.items() if name in known}
