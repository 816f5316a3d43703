"""The commands of `tsmem profile`, which read and edit the profile file. None of them connects to a store."""

from __future__ import annotations

from typing import Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import UNAVAILABLE, root
from tsmem.cli.app.context import Context
from tsmem.cli.io.values import parse_profile_assignments
from tsmem.errors import InvalidInput, ProfileError
from tsmem.profiles import config_path, describe, load_profile, profile_list
from tsmem.profiles.writer import delete_profile, set_values, use_profile
from tsmem.render.result import Report

Name = Annotated[str, o.argument("NAME", "The profile's name.", o.complete_profile)]

group = root.group("profile", "Manage profiles. A profile says which store a command talks to.")


@group.command(
    help="List the profiles; the current one is marked.", example="tsmem profile list -o json", exit_codes=()
)
def list_(context: Context) -> Report:
    lines = profile_list(context.environ, context.options.config, context.options.profile)
    document = {"profiles": [line._asdict() for line in lines]}
    return Report(document, ("name", "backend", "target", "is_default", "origin"), lines)


@group.command(
    help="Show a profile's values and where each comes from; secrets are hidden.",
    example="tsmem profile show local",
    exit_codes=(),
)
def show(
    context: Context,
    name: Annotated[
        str | None, o.argument("[NAME]", "The profile; default: the current one.", o.complete_profile)
    ] = None,
) -> Report:
    chosen = context.profile if name is None else context.profile_named(name)
    rows = [("name", chosen.name, chosen.origins["name"] if name is None else "named"), *describe(chosen)]
    values = {key: {"value": value, "origin": origin} for key, value, origin in rows}
    return Report({"name": chosen.name, "values": values}, ("key", "value", "origin"), rows)


@group.command(
    help="""Set values of a profile in the profile file; a new name makes a new profile.

    Keys:

    \b
      all stores   backend, timeout, output
      local store  path
      TableStore   endpoint, instance, region, access_key_id, access_key_secret,
                   security_token, ca_file (certificates of a private authority)
      tables       tables.session.name, .index, .search_index and
                   .search_fields.COLUMN; tables.message has the same keys

    Write a secret as env:NAME, file:PATH or cmd:COMMAND, never the secret itself.
    access_key_id is not a secret and can be written as it is.
    """,
    example="tsmem profile set work backend=local path=work.db",
    exit_codes=(UNAVAILABLE,),
)
def set_(
    context: Context,
    name: Name,
    assignments: Annotated[
        list[str], o.argument("KEY=VALUE...", "Values to set; an empty value removes the key.", o.complete_setting)
    ],
) -> None:
    if "=" in name:  # the name was forgotten; the error does not quote the word, which may hold a secret
        raise InvalidInput("the profile's name comes before KEY=VALUE", hint="tsmem profile set NAME KEY=VALUE")
    values = parse_profile_assignments(assignments)
    path = set_values(context.environ, name, values, config=context.options.config, notice=context.say)
    context.say(f"wrote profile '{name}' in {path}")
    try:
        load_profile(context.environ, config=context.options.config, profile=name)
    except ProfileError as error:
        context.say(f"warning: it cannot be used yet: {error.message}")


@group.command(help="Make a profile the default.", example="tsmem profile use local", exit_codes=(UNAVAILABLE,))
def use(context: Context, name: Name) -> None:
    path = use_profile(context.environ, name, config=context.options.config, notice=context.say)
    context.say(f"profile '{name}' is the default in {path}")


@group.command(
    help="Delete a profile from the profile file; its store is not touched.",
    example="tsmem profile delete staging",
    exit_codes=(UNAVAILABLE,),
)
def delete(context: Context, name: Name) -> None:
    path = delete_profile(context.environ, name, config=context.options.config, notice=context.say)
    context.say(f"deleted profile '{name}' from {path}")


@group.command(help="Print the path of the profile file.", example="tsmem profile path", exit_codes=())
def path(context: Context) -> Report:
    file = config_path(context.environ, context.options.config)
    document = {"path": str(file), "exists": file.exists()}
    return Report(document, tuple(document), [tuple(document.values())])
