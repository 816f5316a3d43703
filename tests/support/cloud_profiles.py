"""The text of a profile file for a TableStore instance."""

from __future__ import annotations

from tests.support.server_in_process import KEY, SECRET

INSTANCE = "agent-memory"


def profile(
    endpoint: str, *, key: str = KEY, secret: str = SECRET, instance: str = INSTANCE, more: str = "timeout = 5\n"
) -> str:
    """Return the text of a profile file whose default profile `cloud` is a TableStore instance."""
    return (
        f'default_profile = "cloud"\n[profiles.cloud]\nbackend = "tablestore"\nendpoint = "{endpoint}"\n'
        f'instance = "{instance}"\naccess_key_id = "{key}"\naccess_key_secret = "{secret}"\n{more}'
    )
