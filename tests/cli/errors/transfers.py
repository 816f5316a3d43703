# ruff: noqa: E501 - sentences stand as they are told
"""Exports and copies that cannot be made."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import OTHER, config, ran

# fmt: off
CASES = (
    Case("An export into a folder that is not there.", "export none/out.jsonl",
        "cannot write none/out.jsonl: No such file or directory", "the folder must be there already", form="jsonl"),
    Case("An export over the store.", "export FOLDER/data/tsmem/memory.db",
        "FOLDER/data/tsmem/memory.db is the store itself", "write to another file", form="jsonl"),
    Case("An export onto a full disk.", "export /dev/full",
        "cannot write /dev/full: No space left on device", "free some space and try again", code="StorageFailure",
        form="jsonl"),
    Case("A copy into the same store.", "copy --from local --to local",
        "both profiles name the same store", "--to another profile"),
    Case("A copy into a profile that there is not.", "copy --from local --to lokal",
        "no profile 'lokal'; did you mean 'local'?", "profiles: local", code="ProfileError"),
    Case("A comparison that finds differences.", "copy --from local --to other --check",
        "7 differences in FOLDER/other.db: 7 missing",
        "the same command without --check writes what is missing or different", code="Conflict",
        given=(config(OTHER), ran("-p other init-tables")),
        out="kind     key          state    columns\nsession  ada/s1       missing\nsession  ada/s2       missing\nsession  bob/s3       missing\nmessage  s1/100/m1    missing\nmessage  s1/200/m2    missing\nmessage  s1/300/twin  missing\nmessage  s1/400/twin  missing\n"),
)
# fmt: on
