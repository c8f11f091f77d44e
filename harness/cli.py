"""The `proctor` command: a table of commands, each imported only when it is called.

`proctor --help` must stay under 0.15 s of CPU, so nothing heavy is imported here or at the top
of a command's module.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys

import click

from proctor import __version__
from proctor.errors import ProctorError

COMMANDS = {
    "demo": "The whole loop on the embedded small world (no network, no GPU).",
    "run": "Decontaminate, train, examine, judge, promote; resumes where it stopped.",
    "sweep": "Mixture ablations: which source moved which skill.",
    "eval": "Examine checkpoints on a suite.",
    "score": "Score stored responses; no model needed.",
    "judge": "Judge stored responses by a model; compare it with human labels.",
    "decontam": "Is the exam in the training data?",
    "gate": "Judge a candidate, or plan what the suites can detect.",
    "compare": "Paired differences between two checkpoints.",
    "promote": "Move an alias to a checkpoint whose verdict says so.",
    "registry": "Aliases and their history.",
    "ledger": "The hash-chained record of looks, verdicts and promotions.",
    "unseen": "Looks taken at unseen suites; releasing their rows.",
    "report": "The leaderboard: HTML, Markdown, CSV, JSON.",
    "sql": "Read-only DuckDB over the store.",
    "tasks": "The tasks that can be named in a suite.",
    "suites": "The suites that ship with Proctor.",
    "recipes": "Published post-training recipes as experiments.",
    "doctor": "Check this machine and this workspace.",
    "init": "Write a commented starter experiment.",
}


class LazyGroup(click.Group):
    """Finds `harness.commands.<name>` and its `command` on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"harness.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; see proctor --help"
            raise click.UsageError(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="proctor")
def cli() -> None:
    """Examine every checkpoint a post-training run produces; promote only what a clean exam
    shows to be better.

    Exit codes: 0 done or promoted, 1 error, 2 usage, 3 rejected, 4 inconclusive, 5 contaminated.
    """


def main() -> None:
    """Run the command line; a ProctorError becomes one sentence on stderr."""
    # The default of 700 walks what imports leave behind again and again: a tenth of a start.
    gc.set_threshold(10_000)
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ProctorError as error:
        click.echo(f"proctor: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("proctor: stopped; run the same command again to continue", err=True)
        code = 130
    except Exception as error:
        if os.environ.get("PROCTOR_DEBUG"):
            raise
        click.echo(f"proctor: {_unforeseen(error)}", err=True)
        code = 1
    # At its end Python walks every object several times for cycles: most of what an end takes.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)


def _unforeseen(error: Exception) -> str:
    """Say what went wrong where no sentence was written for it; libraries word a full disk so."""
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error):
        return (
            "the disk is full; free some space and run the same command again, what is finished "
            "is kept"
        )
    first = str(error).strip().splitlines()[:1]
    return (
        f"unforeseen {type(error).__name__}: {first[0] if first else 'no message'}; what is "
        "finished is kept; set PROCTOR_DEBUG=1 to see where it happened"
    )


if __name__ == "__main__":
    main()
