"""The reference of the command line, made of the program itself."""

import re
from collections.abc import Iterator

import click
import typer

from bench import cli
from scripts.docs.words import block, code, page, plain, table


def reference() -> str:
    """Every command with its usage, arguments and options."""
    group = typer.main.get_command(cli._command_line())
    return page(*(_command(names, command) for names, command in commands(group)))


def commands(command: click.Command, *before: str) -> Iterator[tuple[list[str], click.Command]]:
    """A command and all below it, each with its name in words, as they are typed."""
    names = [*before, command.name or "bench"] if before else ["bench"]
    yield names, command
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from commands(below, *names)


def _command(names: list[str], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(names))
    usage = " ".join([*names, *command.collect_usage_pieces(context)])
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return page(
        f"{'#' * min(len(names) + 1, 4)} {' '.join(names)}",
        block(usage),
        _help(command.help or ""),
        table(["argument", "meaning"], [_argument(one) for one in arguments if _about(one)]),
        table(["option", "meaning"], [_option(one, context) for one in options]),
    )


def _help(text: str) -> str:
    """The help of a command; what is to be typed as code, and a break where it has one."""
    parts = (
        re.sub(r"\s*\n\s*", " ", part.strip()) for part in text.replace("\b", "").split("\n\n")
    )
    return page(*(block(part) if part.startswith("bench ") else plain(part) for part in parts))


def _about(argument: click.Argument) -> str:
    return str(getattr(argument, "help", None) or "")


def _argument(argument: click.Argument) -> list[str]:
    return [code(argument.human_readable_name), plain(_about(argument))]


def _option(option: click.Option, context: click.Context) -> list[str]:
    names = [*option.opts, *option.secondary_opts]
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    about = plain(option.help or "")
    if option.required:
        about += " (required)"
    elif not option.is_flag and option.default not in (None, "", ()) and "default" not in about:
        about += f" (default: {code(option.default)})"
    return [code(", ".join(names) + value), about]
