"""`tsmem profile ...`: which stores there are, and where each value came from."""

from __future__ import annotations

from typing import Annotated

import typer

from tsmem.cli.app.context import context_of
from tsmem.cli.app.groups import HouseGroup, entries, help_text
from tsmem.cli.app.suggest import complete_profile, complete_setting
from tsmem.cli.io.values import parse_profile_assignments
from tsmem.errors import InvalidInput, ProfileError
from tsmem.render.result import Report

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.", autocompletion=complete_profile)]


@help_text(
    """List the profiles there are; the one in force is marked.

    Example: tsmem profile list -o json
    """
)
def list_(ctx: typer.Context) -> Report:
    from tsmem.profiles import profile_list

    context = context_of(ctx)
    lines = profile_list(context.environ, context.options.config, context.options.profile)
    document = {"profiles": [line._asdict() for line in lines]}
    return Report(document, ("name", "backend", "target", "is_default", "origin"), lines)


@help_text(
    """Show a profile's values and where each came from, never a secret.

    Example: tsmem profile show local
    """
)
def show(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="The profile; the one in force if none.", autocompletion=complete_profile
        ),
    ] = None,
) -> Report:
    from tsmem.profiles import describe, load_profile

    context = context_of(ctx)
    if name is None:
        chosen, why = context.profile, context.profile.origins["name"]
    else:
        chosen, why = load_profile(context.environ, config=context.options.config, profile=name), "named"
        for warning in chosen.warnings:
            context.say(f"warning: {warning}")
    rows = [("name", chosen.name, why), *describe(chosen)]
    values = {key: {"value": value, "origin": origin} for key, value, origin in rows}
    return Report({"name": chosen.name, "values": values}, ("key", "value", "origin"), rows)


@help_text(
    """Set values of a profile in the profile file, and make it if it is new.

    Keys: backend, timeout, output; path of a local store; endpoint, instance,
    region, access_key_id, access_key_secret, security_token and ca_file (the
    certificates of a private authority) of TableStore; tables.session.name,
    .index, .search_index and .search_fields.COLUMN, and those of tables.message.

    A secret is given as env:NAME, file:PATH or cmd:COMMAND, never itself.
    access_key_id is no secret and may be given itself.
    Example: tsmem profile set work backend=local path=work.db
    """
)
def set_(
    ctx: typer.Context,
    name: Name,
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...", help="Values; an empty one removes a key.", autocompletion=complete_setting
        ),
    ],
) -> None:
    from tsmem.profiles import load_profile, set_values

    context = context_of(ctx)
    if "=" in name:  # a forgotten name; it is not quoted, because the value may be a secret
        raise InvalidInput("the profile's name comes before KEY=VALUE", hint="tsmem profile set NAME KEY=VALUE")
    values = parse_profile_assignments(assignments)
    path = set_values(context.environ, name, values, config=context.options.config, notice=context.say)
    context.say(f"wrote profile '{name}' in {path}")
    try:
        load_profile(context.environ, config=context.options.config, profile=name)
    except ProfileError as error:
        context.say(f"warning: it cannot be used yet: {error.message}")


@help_text(
    """Make a profile the default one.

    Example: tsmem profile use local
    """
)
def use(ctx: typer.Context, name: Name) -> None:
    from tsmem.profiles import use_profile as use_profile

    context = context_of(ctx)
    path = use_profile(context.environ, name, config=context.options.config, notice=context.say)
    context.say(f"profile '{name}' is the default in {path}")


@help_text(
    """Delete a profile from the profile file; what it points to stays.

    Example: tsmem profile delete staging
    """
)
def delete(ctx: typer.Context, name: Name) -> None:
    from tsmem.profiles import delete_profile as delete_profile

    context = context_of(ctx)
    path = delete_profile(context.environ, name, config=context.options.config, notice=context.say)
    context.say(f"deleted profile '{name}' from {path}")


@help_text(
    """Say where the profile file is, or would be.

    Example: tsmem profile path
    """
)
def path(ctx: typer.Context) -> Report:
    from tsmem.profiles import config_path

    context = context_of(ctx)
    file = config_path(context.environ, context.options.config)
    document = {"path": str(file), "exists": file.exists()}
    return Report(document, tuple(document), [tuple(document.values())])


class ProfileGroup(HouseGroup):
    """`tsmem profile`."""

    sentence = "Profiles: which store a command talks to."
    entries = entries(list_, show, set_, use, delete, path)
