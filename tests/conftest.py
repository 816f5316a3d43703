"""Settings of Hypothesis for all tests: a busy machine must not fail a test because an example takes long."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
