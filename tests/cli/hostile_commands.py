"""Every command with hostile words on its command line, in its input, and in what it works on, for `test_hostile`.

A command without an entry here gets its runs from its declared parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.hostile import CORPUS, CSI, ESC, LINES, OSC, UNDECODABLE, keys, packs, tool_calls
from tests.support.commands import declarations, params_of
from tsmem.limits import is_column_name
from tsmem.rows import Value
from tsmem.store import Message, Metadata, Session
from tsmem.store.documents import export_line

T = 1_767_000_000_000_000
PACKS = packs()
WHOLE = "".join(PACKS)
"""All of it in one text, for what has no limit."""
FILE = f"{CSI}2J{OSC}0;x\x07\x9b31m\x85\u202e\u2066\n\r\t\x7f[red] \u200b.jsonl"
"""The name of a file."""


class Run(NamedTuple):
    """One command line."""

    argv: tuple[str, ...]
    typed: bytes = b""
    """At its terminal."""


def _runs(*lines: Sequence[str]) -> list[Run]:
    return [Run(tuple(line)) for line in lines]


def _each(*templates: Sequence[str | None]) -> Iterator[Run]:
    """Each line with each pack in the place of its None."""
    for line in templates:
        for pack in PACKS:
            yield Run(tuple(pack if word is None else word for word in line))


def _ids(*command: str, more: Sequence[str] = ()) -> Iterator[Run]:
    """A command that takes two ids, with ids that are there, and with such that are not, or never can be."""
    yield from _each((*command, *more, "--", None, None), (*command, *more, "--", None, "none"))
    yield from _runs((*command, *more, "--", WHOLE, "x"), (*command, *more, "--", "u", WHOLE))
    yield from _runs(*((*command, *more, "--", text, text) for text in UNDECODABLE))


def _listing(*command: str, of: str) -> Iterator[Run]:
    """A command that lists."""
    fields = {"--user": "user_id,session_id", "--session": "session_id,message_id,role,content"}[of]
    yield Run((*command, "--limit", "0"))
    yield Run((*command, "--limit", "3"))
    yield from _each((*command, of, None), (*command, f"{of}={PACKS[0]}", "--limit", "1", "--filter", None))
    for option in (of, "--filter", "--limit", "--page-token", "--fields", "--since", "--nonsense"):
        yield Run((*command, f"{option}={WHOLE}"))
    for text in CORPUS[::20]:
        yield Run((*command, "--limit", "1", "--fields", f"{fields},metadata.{text.replace(',', '')}"))
    yield Run((*command, "--limit", "0", "--fields", f"{fields},search_content,metadata.text,metadata.raw,metadata"))


def _metadata(*command: str) -> Iterator[Run]:
    """A command that takes metadata."""
    forms = ("{}", "{}=x", "a={}", "a:={}", "a@{}", "{}:=1")
    yield from _runs(*((*command, "-m", form.format(WHOLE)) for form in forms), (*command, "-m", f"a@{FILE}"))


def commands(folder: Path) -> dict[str, Callable[[], Iterator[Run]]]:
    """What to run of each command, by its name; files are in the folder, which is the current one."""
    told: dict[str, Callable[[], Iterator[Run]]] = {
        "demo": lambda: iter(_runs(("demo",), ("demo", WHOLE))),
        "init-tables": lambda: iter(
            _runs(("init-tables",), ("init-tables", "--check"), ("init-tables", f"--wait={WHOLE}"), ("init-tables",
            WHOLE))
        ),
        "drop-tables": lambda: iter([Run(("drop-tables",), b"n\n"), *_runs(("drop-tables", WHOLE), ("drop-tables",
        "--yes"))]),
        "session put": _session_put,
        "session get": lambda: _ids("session", "get"),
        "session update": _session_update,
        "session delete": lambda: _ids("session", "delete", more=("--with-messages",)),
        "session purge": lambda: _purge("session", "--user"),
        "session list": lambda: _listing("session", "list", of="--user"),
        "session recent": lambda: _listing("session", "recent", of="--user"),
        "session search": lambda: _search("session", "--user"),
        "message put": _message_put,
        "message get": lambda: _ids("message", "get"),
        "message update": _message_update,
        "message delete": lambda: _ids("message", "delete"),
        "message purge": lambda: _purge("message", "--session"),
        "message list": _message_list,
        "message search": lambda: _search("message", "--session"),
        "message tail": lambda: _told("message", "tail", of=()),
        "show": lambda: _told("show", of=("--user", PACKS[0])),
        "export": _export,
        "import": lambda: _import(folder),
        "copy": _copy,
        "stats": _stats,
        "doctor": lambda: iter(_runs(("doctor",), ("doctor", "--fix"), ("doctor", WHOLE), ("doctor", "-p", WHOLE))),
        "profile list": lambda: iter(_runs(("profile", "list"), ("profile", "list", "-p", WHOLE), ("profile",
        WHOLE))),
        "profile show": lambda: _profile("show", ("hostile",), (WHOLE,), ()),
        "profile set": lambda: _profile(
            "set", ("hostile", f"instance={WHOLE}"), ("hostile", f"region={PACKS[0]}"), (WHOLE, "backend=local"),
            ("x", WHOLE), ("x", f"{WHOLE}=1"), ("x", f"backend={WHOLE}"), ("x", "backend=local", f"path={FILE}"),
            ("x", "backend=local", "path=[red]"),
            ("hostile", f"endpoint={WHOLE}"), ("hostile", f"timeout={WHOLE}"), ("hostile",
            f"access_key_id=env:{WHOLE}"),
        ),
        "profile use": lambda: _profile("use", ("hostile",), (WHOLE,)),
        "profile delete": lambda: _profile("delete", ("hostile",), (WHOLE,)),
        "profile path": lambda: iter(_runs(("profile", "path"), ("profile", "path", "--config", FILE))),
        "serve": lambda: _serve(folder),
        "completion": lambda: iter(_runs(("completion", "bash"), ("completion", WHOLE))),
        "help": lambda: iter(_runs(("help",), ("help", WHOLE), ("help", "times"), ("help", "session", WHOLE),
        (WHOLE,))),
    }  # fmt: skip
    return told | {name: partial(_declared, name) for name in declarations() if name not in told}


def _session_put() -> Iterator[Run]:
    yield Run(("session", "put", "-m", f"text={WHOLE}", "--search-content", WHOLE, "u", "s"))
    yield from _ids("session", "put", more=("-m", f"text={PACKS[0]}", "--search-content", PACKS[1]))
    yield from _ids("session", "put", more=("--if-absent",))
    yield from _metadata("session", "put", "u", "s")
    yield from _runs(("session", "put", "u", "s", f"--update-time={WHOLE}"), ("session", "put", "u", "s", WHOLE))


def _session_update() -> Iterator[Run]:
    yield from _ids("session", "update", more=("--touch", "-m", "a=1"))
    yield from _runs(("session", "update", "u", "s", f"--unset={WHOLE}"), ("session", WHOLE, "u"))


def _message_put() -> Iterator[Run]:
    more = ("--role", PACKS[0], "--content", PACKS[1], "-m", f"tool_calls={tool_calls(PACKS[2])}")
    yield Run(("message", "put", "--role", WHOLE, "--content", WHOLE, "--search-content", WHOLE, "s", "m"))
    yield from _ids("message", "put", more=more)
    yield from _ids("message", "put", more=("--content", "x", "--if-absent"))
    yield from _each(("message", "put", "s", "m", "--content", "x", "--new", "--touch", None))
    yield from _metadata("message", "put", "s", "m")
    yield Run(("message", "put", "s", "m", f"--content-file={WHOLE}"))
    for option in ("--create-time", "--touch"):
        yield Run(("message", "put", "s", "m", "--content", "x", f"{option}={WHOLE}"))
    yield Run(("message", "put", "s", "m", "--content-file", FILE))


def _message_update() -> Iterator[Run]:
    yield from _ids("message", "update", more=("--content", WHOLE, "--role", PACKS[1]))
    yield from _runs(("message", "update", "s", "m", f"--unset={WHOLE}"))


def _message_list() -> Iterator[Run]:
    yield from _listing("message", "list", of="--session")
    yield from _runs(
        ("message", "list", "--session", "all", "--last", "2000"), ("message", "list", f"--role={WHOLE}"),
        ("message", "list", f"--order={WHOLE}"), ("message", "list", f"--last={WHOLE}"),
    )  # fmt: skip


def _purge(noun: str, of: str) -> Iterator[Run]:
    whole = "--everyone" if noun == "session" else "--everything"
    for run in _each((noun, "purge", of, None), (noun, "purge", whole, "--filter", None)):
        yield run._replace(typed=b"n\n")
    yield Run((noun, "purge", f"{of}={PACKS[0]}", "--filter", f"not exists(x) and {json.dumps(PACKS[1])} != 1"), b"n\n")
    yield Run((noun, "purge", whole, "--filter", f"not (search_content == {json.dumps(WHOLE)})"), b"n\n")
    yield from _each((noun, "purge", of, None, "--dry-run"), (noun, "purge", of, None, "--yes", "--progress"))


def _search(noun: str, of: str) -> Iterator[Run]:
    yield from _listing(noun, "search", of=of)
    for text in ("x", "evil", "[31m", CSI, "\u202e", "\n", "\x9b", "\u0301", "hidden", "forged"):
        yield Run((noun, "search", "--limit", "20", "--", text))
    yield from _each((noun, "search", "--", None))
    yield Run((noun, "search", f"--sort={WHOLE}"))


def _told(*command: str, of: Sequence[str]) -> Iterator[Run]:
    last = ("--last", "5000") if command != ("show",) else ()
    for session in ("all", "calls"):
        yield Run((*command, *last, session))
    if command == ("show",):
        yield from _runs(("show", "--markdown", "drawn"), ("show", "--markdown", "long"), ("show", "--full", "calls"))
    yield Run((*command, *last, "long"))
    yield Run((*command, "--full", "--last", "1", "long"))
    yield from _each((*command, *of, "--", None), (*command, "--", f"{PACKS[0]}x"))
    yield from _runs((*command, WHOLE), (*command, "s", f"--last={WHOLE}"), (*command, "s", WHOLE))


def _export() -> Iterator[Run]:
    yield from _runs(
        ("export", FILE), ("export", f"/dev/null/{FILE}"), ("export", WHOLE), ("export", "--nonsense", WHOLE)
    )
    yield from _each(("export", "x.jsonl", "--user", None), ("export", "x.jsonl", "--session", None))
    yield from _runs(("export", "--session", "all"), ("export", "--user", WHOLE), ("export", f"{FILE}.gz"))


def _import(folder: Path) -> Iterator[Run]:
    for place, line in enumerate(_bad_lines()):
        (folder / f"bad{place}.jsonl").write_bytes(line)
        yield Run(
            (
                "import",
                f"bad{place}.jsonl",
                *(("--format", "openai", "--user", PACKS[0]) if b"messages" in line else ()),
            )
        )
    everything = b"".join(_bad_lines()) + b"".join(map(export_line, long_keys()))
    (folder / FILE).write_bytes(everything)
    yield from _runs(
        ("import", FILE), ("import", FILE, "--rejects", f"{FILE}.rejects"), ("import", FILE, "--rejects", FILE),
        ("import", FILE, "--resume"), ("import", FILE, "--dry-run"), ("import", FILE, "--rejects",
        f"/dev/null/{FILE}"),
        ("import", WHOLE), ("import", f"--format={WHOLE}"), ("import", f"--on-conflict={WHOLE}"),
        ("import", FILE, "--format", "openai", f"--start-time={WHOLE}"), ("import", FILE, "--format", "openai",
        "--user", WHOLE),
    )  # fmt: skip
    (folder / "there.jsonl").write_bytes(b"".join(map(export_line, packed_items())))
    yield from _runs(*(("import", "there.jsonl", "--on-conflict", what) for what in ("fail", "skip", "overwrite")))


def _copy() -> Iterator[Run]:
    yield from _runs(
        ("copy", "--from", "local", "--to", "other", "--user", PACKS[0]), ("copy", "--from", "local", "--to",
        "other", "--check"),
        ("copy", "--from", WHOLE, "--to", "local"), ("copy", "--from", "local", "--to", WHOLE),
        ("copy", "--from", "local", "--to", "local", WHOLE), ("copy", "--from", "local", "--to", "other",
        "--session", "all"),
    )  # fmt: skip
    yield from _each(("copy", "--from", "local", "--to", "other", "--check", "--session", None))


def _stats() -> Iterator[Run]:
    yield Run(("stats",))
    yield from _each(("stats", "--user", None), ("stats", "--session", None))
    yield from _runs(("stats", f"--user={WHOLE}"), ("stats", WHOLE), ("stats", "--session", "all"))


def _profile(verb: str, *words: Sequence[str]) -> Iterator[Run]:
    yield from _runs(*(("profile", verb, *line) for line in words), ("profile", verb, "x", "y", WHOLE))
    yield Run(("profile", verb, "x", "y=1", "--config", f"/dev/null/{FILE}"))


def _serve(folder: Path) -> Iterator[Run]:
    (folder / "no.db").write_bytes(b"no store")
    for option in (
        "--host",
        "--port",
        "--path",
        "--instance",
        "--access-key-id",
        "--latency",
        "--fault",
        "--fault-seed",
    ):
        where = "--memory" if option != "--path" else "--port=0"
        yield Run(("serve", where, "--host=no.such.host.invalid", f"{option}={WHOLE}"))
    yield from _runs(("serve", WHOLE), ("serve", "--path", f"/dev/null/{FILE}"), ("serve", "--path", "no.db"))


def _declared(name: str) -> Iterator[Run]:
    """A command with hostile words in each of its parameters in turn."""
    words = name.split()
    params = params_of(name)
    needed = [PACKS[0] for param in params if param.param_type_name == "argument" and param.required]
    yield Run((*words, "--", *needed))
    yield Run((*words, "--", *needed, WHOLE))
    for param in params:
        if param.param_type_name == "option":
            yield Run((*words, f"{param.opts[0]}={WHOLE}", "--", *needed))


def _bad_lines() -> Iterator[bytes]:
    """Lines that no import takes, each with all of the corpus where an error may quote it."""
    for text in (WHOLE, LINES[1]):
        for document in (
            {"user_id": "u", "session_id": "s", "metadata": {text: 1}},
            {"user_id": "u", "session_id": "s", text: 1},
            {"user_id": "u", "session_id": "s", "metadata": {"a": {text: text}}},
            {"user_id": "u", "session_id": "s", "metadata": {"a": {"$bytes": text}}},
            {"user_id": "u", "session_id": "s", "update_time": text},
            {"user_id": "u", "session_id": {text: text}},
            {"kind": text, "user_id": "u"},
            {"kind": "tsmem", "version": text},
            {"kind": "end", "sessions": text, "messages": {text: text}},
            {"messages": [{"role": text, "content": {text: text}}], text: text, "metadata": text},
            {"messages": [{"role": {text: text}}], "created_at": text},
            {"messages": text, "user_id": [text]},
            [text],
        ):
            yield json.dumps(document).encode() + b"\n"
        yield json.dumps({"user_id": "u"}).encode()[:-1] + b", " + json.dumps(text).encode() * 2 + b"}\n"
        yield b'{"a": 1, %b: 1, %b: 1}\n' % ((json.dumps(text).encode(),) * 2)
        yield text.encode() + b"\n"
    yield b"\xff\xfe\x1b[2J\x9b31m\n"
    yield b'{"user_id": "\\ud800", "session_id": "s"}\n'
    yield b'{"user_id": "u", "session_id": "s", "\\udcff": NaN, "x": 1e999}\n'


def long_keys() -> Iterator[Session | Message]:
    """Rows that can be read, and are refused as their ids are too long."""
    for pack in PACKS[:3]:
        yield Session(pack * 2, pack)
        yield Message(pack, pack * 2, T)


def _metadata_of(text: str) -> Metadata:
    metadata: dict[str, Value] = {
        "text": text,
        "raw": text.encode(),
        "tool_calls": text,
        "_json": '["tool_calls"]',
        "name": text,
    }
    return Metadata({text: "x", **metadata} if is_column_name(text) else metadata)


def items(every: int = 1) -> Iterator[Session | Message]:
    """The corpus, or each so-many-th text of it, in every field that holds it."""
    texts = list(zip(CORPUS, [*keys(), "-"], strict=True))[::every]
    for place, (text, key) in enumerate(texts):
        metadata = _metadata_of(text)
        yield Session(key, key, T + place, text, metadata)
        yield Session("eve", key, T + place, text)
        yield Message("all", key, T + place, text, text, text, metadata)
        yield Message("drawn", f"{place}", T + place, "assistant", markdown(text), None)
        calls = Metadata({"tool_calls": tool_calls(text)})
        result = None if place % 2 else json.dumps({text: [text] * 9}, ensure_ascii=False)
        yield Message("calls", f"{place}", T + place, "tool", result, None, calls)
    yield from packed_items(every)
    for place, text in enumerate(LINES if every == 1 else LINES[:1]):
        yield Message("long", f"{place}", T + place, "assistant", text)
    calls = Metadata({"text": LINES[1], "tool_calls": tool_calls(LINES[1][:15_000])})
    yield Message("long", "every field", T + 9, LINES[1], LINES[1], LINES[1], calls)
    yield Session("u", "long", T, LINES[1], Metadata({"text": LINES[1]}))


def packed_items(every: int = 1) -> Iterator[Session | Message]:
    """The corpus in few ids: sessions of their own, sessions that two share, messages that nobody has, big cells."""
    for place, pack in enumerate(PACKS[::every]):
        whole = pack if place else WHOLE
        metadata = _metadata_of(whole)
        yield Session(pack, pack, T, whole, metadata)
        yield Session("eve", pack, T, None)
        yield Message(pack, pack, T + place * 86_400_000_000, pack, whole, whole, metadata)
        yield Message(pack + "orphan", pack, T, None, None, None, Metadata({"tool_calls": tool_calls(pack)}))
        yield Message(pack + "twice", pack, T, pack, "x")
        yield Message(pack + "twice", pack, T + 1, pack, "x")


def markdown(text: str) -> str:
    """Each construct of Markdown round the text."""
    return (
        f'# {text}\n\n{text}\n\n[{text}]({text} "{text}") <{text}> ![{text}]({text}) **{text}** `{text}` ~~{text}~~\n\n'
        f"> {text}\n\n- {text}\n  1. {text}\n\n```{text}\n{text}\n```\n\n"
        f"| {text} | b |\n|---|---|\n| {text} | {ESC}[1A |\n"
    )
