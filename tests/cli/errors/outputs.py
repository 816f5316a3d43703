# ruff: noqa: E501 - sentences stand as they are told
"""Exports and copies that cannot be made, and files that must not be written."""

from __future__ import annotations

from tests.cli.errors.case import Case, Given
from tests.cli.errors.given import OTHER, config, file, folder, locked_file, ran
from tests.cli.errors.stage import Stage, copied

IN = file("in.jsonl", '{"user_id": "u", "session_id": "s"}\n')


def other_store(stage: Stage) -> None:
    copied(stage.folder / "other.db")


def hard_linked(name: str, target: str) -> Given:
    """Give a file of the folder a second name."""
    return lambda stage: (stage.folder / name).hardlink_to(stage.folder / target)


# fmt: off
CASES = (
    Case("An export into a missing folder.", "export none/out.jsonl",
        "cannot write none/out.jsonl: No such file or directory", "create the folder first", form="jsonl"),
    Case("An export over the store.", "export FOLDER/data/tsmem/memory.db",
        "FOLDER/data/tsmem/memory.db is the store itself", "write to another file", form="jsonl"),
    Case("An export onto a full disk.", "export /dev/full",
        "cannot write /dev/full: No space left on device", "free some space and try again", code="StorageFailure",
        form="jsonl"),
    Case("A copy into the same store.", "copy --from local --to local",
        "both profiles name the same store", "choose another profile with --to"),
    Case("A comparison that finds differences.", "copy --from local --to other --check",
        "7 differences in FOLDER/other.db: 7 missing",
        "run the command without --check to write what is missing or different", code="Conflict",
        given=(config(OTHER), ran("-p other init-tables")),
        out="kind     key          state    columns\nsession  ada/s1       missing\nsession  ada/s2       missing\nsession  bob/s3       missing\nmessage  s1/100/m1    missing\nmessage  s1/200/m2    missing\nmessage  s1/300/twin  missing\nmessage  s1/400/twin  missing\n"),
    Case("An export over a hard link to the store.", "export name",
        "name is the store itself", "write to another file", form="jsonl", given=(hard_linked("name", "data/tsmem/memory.db"),)),
    Case("An export over another profile's store.", "export other.db",
        "other.db is a tsmem store", "write to another file", form="jsonl", given=(other_store,)),
    Case("A store at the path of another store's lock.", "-p x init-tables",
        "FOLDER/other.db.lock is a file of the store FOLDER/other.db", "choose another path", code="StorageFailure",
        given=(other_store, config('[profiles.x]\nbackend = "local"\npath = "FOLDER/other.db.lock"\n'))),
    Case("An export over the store's lock, which does not exist yet.", "export FOLDER/data/tsmem/memory.db.lock",
        "FOLDER/data/tsmem/memory.db.lock is a file of the store FOLDER/data/tsmem/memory.db", "write to another file",
        form="jsonl"),
    Case("Rejects over another profile's store.", "import in.jsonl --rejects other.db",
        "other.db is a tsmem store", "write to another file", given=(IN, other_store)),
    Case("An export over a hard link to the profile file.", "export name",
        "name is the profile file", "write to another file", form="jsonl",
        given=(config(OTHER), hard_linked("name", "config/tsmem/config.toml"))),
    Case("An export to the path of the profile file, which does not exist.", "export FOLDER/config/tsmem/config.toml",
        "FOLDER/config/tsmem/config.toml is the profile file", "write to another file", form="jsonl",
        given=(folder("config/tsmem"),)),
    Case("Rejects into a compressed file.", "import in.jsonl --rejects bad.gz",
        "--rejects cannot write compressed files: bad.gz", "choose a name without .gz", given=(IN,)),
    Case("Rejects after an incomplete line.", "import in.jsonl --rejects bad.jsonl",
        "bad.jsonl ends in a line that was cut off",
        "continue the stopped import with --resume, or write to another file",
        given=(IN, file("bad.jsonl", '{"kind": "rejec'))),
    Case("A rejects file that another import is writing.", "import in.jsonl --rejects bad.jsonl",
        "another import is writing bad.jsonl", "write to another file", given=(IN, locked_file("bad.jsonl"))),
)
# fmt: on
