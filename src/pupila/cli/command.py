"""The classes of the commands: settings are flags, help is whole, and completion processes no values."""

import difflib
import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from pupila.cli.flag import Flag
from pupila.cli.flags import (
    CONFIG,
    HELP,
    Reader,
    find_flags,
    groups,
    keep,
    labeller_in,
    lacks_value,
    wrong_dashes,
)  # fmt: skip
from pupila.core.errors import PupilaError
from pupila.core.messages import say, translate

_ALIKE = 0.85  # of a slip and the two words that are meant
_FLAGS = "pupila.flags"  # where a context keeps the flags of its command


class _Quick:
    """What commands and the group of them share: no value is processed that nobody gave.

    Processing loads pydantic, which takes longer than a help or a completion may.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; for the shell's completion without checking any value."""
        params = self.get_params(ctx)  # type: ignore[attr-defined]
        for param in params:
            if getattr(param, "is_flag", False) and param.default is None:
                param.default = False
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]
        parser = self.make_parser(ctx)  # type: ignore[attr-defined]
        options, rest, _ = parser.parse_args(args=args)
        ctx._opt_prefixes.update(parser._opt_prefixes)
        for param in params:
            value, source = param.consume_value(ctx, options)
            ctx.params[param.name] = value
            ctx.set_parameter_source(param.name, source)
        ctx.args = rest
        if isinstance(self, TyperGroup) and rest:
            ctx._protected_args, ctx.args = rest[:1], rest[1:]
        return ctx.args  # type: ignore[no-any-return]


class Command(_Quick, TyperCommand):
    """A command whose settings are flags, besides the options of its function."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the settings out of the words, check them, and parse the rest."""
        own = {
            name: not getattr(param, "is_flag", False)
            for param in self.get_params(ctx)
            if param.param_type_name == "option"
            for name in (*param.opts, *param.secondary_opts)
        }
        flags = find_flags(self.name or "", labeller_in(args))
        ctx.meta[_FLAGS] = flags
        if ctx.resilient_parsing or not flags:
            if not ctx.resilient_parsing and not set(args) & set(HELP):
                _refuse_slips(ctx, args, own)
            return super().parse_args(ctx, args)
        reader = Reader(self.name or "", own)
        rest = reader.read(args)
        if not set(args) & set(HELP):
            keep(ctx, reader.check(), reader.flags)
        return super().parse_args(ctx, rest)

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the function; for the shell's completion the settings, too."""
        params = super().get_params(ctx)
        for param in params:
            described: Any = param
            if getattr(described, "help", None):
                described.help = translate(described.help)
                if ctx.resilient_parsing:
                    described.help = _short(described.help)
            described._get_number_range_help_str = _nothing  # the sentence says it, or the error
            if described.param_type_name == "argument":
                described.display_type_rich = _nothing
        flags = ctx.meta.get(_FLAGS)
        return [*params, *_options(flags)] if ctx.resilient_parsing and flags else params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """DATA, not {DATA}."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """The sentence of the command, in the user's language."""
        self.help = translate(self.help or "")
        super().format_help_text(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options of the function, and the settings by groups."""
        super().format_options(ctx, formatter)
        flags = ctx.meta.get(_FLAGS) or []
        for title, some in groups(flags):
            with formatter.section(title):
                formatter.write_dl([(flag.shown, flag.meaning) for flag in some])
        if flags:
            with formatter.section(say("Other ways to give settings")):
                formatter.write_dl([
                    (f"{CONFIG} FILE", say("Settings in a YAML file; flags override them.")),
                    ("NAME=VALUE", say("Settings may also follow the first argument, such as {example}.",
                                       example=_example(flags))),
                ])  # fmt: skip


class Commands(_Quick, TyperGroup):
    """Commands, of which some have two words: `label` labels, and `label audit` is a command beside it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Two words come before one."""
        two = " ".join(args[:2])
        if (command := self.commands.get(two)) is not None:
            return two, command, args[2:]
        known = [name for name in self.commands if " " in name]
        close = difflib.get_close_matches(two, known, n=1, cutoff=_ALIKE)
        if (
            close
            and not ctx.resilient_parsing
            and close[0].startswith(f"{args[0]} ")
            and not Path(args[1]).exists()
        ):
            raise PupilaError(say("Unknown command {name}. Did you mean {close}?", name=two, close=close[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Every command with its whole sentence."""
        with formatter.section(say("Commands")):
            formatter.write_dl(
                [(name, translate(inspect.cleandoc(c.help or ""))) for name, c in self.commands.items()]
            )


def _refuse_slips(ctx: Any, args: list[str], own: dict[str, bool]) -> None:
    """Refuse an option without its value, and one with other dashes, of a command without settings."""
    for place, word in enumerate(args):
        if word == "--":
            return
        if meant := wrong_dashes(word):
            ctx.fail(say("{was} is written {now}", was=word.partition("=")[0], now=meant))
        if own.get(word) and lacks_value(args[place + 1 :]):
            ctx.fail(say("{name} needs a value", name=word))


def _example(flags: list[Flag]) -> str:
    """The first setting of a command, as a word that may follow its argument."""
    first = flags[0]
    plain = first.default not in ("", "''", "[]", "{}", "null")
    return f"{first.name}={first.default if plain else first.metavar}"


def _short(sentence: str) -> str:
    """The beginning of a sentence, for the one line that a shell shows."""
    line = " ".join(sentence.split()).partition(" [default: ")[0]
    return line.partition(";")[0].partition(". ")[0].rstrip(".")


def _nothing(*_: Any, **__: Any) -> str:
    return ""


def _options(flags: list[Flag]) -> list[Any]:
    """The settings as options of typer, for the shell's completion."""
    unique = {flag.name: flag for flag in reversed(flags)}
    parameters = []
    for flag in reversed(unique.values()):
        names = [f"{flag.flag}/--no-{flag.flag[2:]}" if flag.kind == "bool" else flag.flag]
        option = typer.Option(
            *names, help=_short(flag.meaning), autocompletion=_words(flag) if flag.choices else None
        )
        plain: Any = bool | None if flag.kind == "bool" else str | None
        kind = Annotated[plain, option]
        parameters.append(
            inspect.Parameter(flag.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        )

    def holder(**_: Any) -> None:
        """A function with these parameters."""

    holder.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    holder.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(holder)
    return list(typer.main.get_command(app).params)


def _words(flag: Flag) -> Any:
    def complete(incomplete: str) -> list[str]:
        return [word for word in flag.choices if word.startswith(incomplete)]

    return complete
