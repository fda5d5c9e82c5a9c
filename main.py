"""The command ``voxtral``, translating by default: ``python main.py input.mp4 --target-lang French``."""

from __future__ import annotations

import sys

from ray_apps import cli


def main() -> None:
    """Run ``voxtral``; arguments that begin with no subcommand are those of ``voxtral translate``."""
    cli.main(with_default_command(sys.argv[1:]))


def with_default_command(arguments: list[str]) -> list[str]:
    """The arguments, ``translate`` before them unless they name a subcommand or ask about the program."""
    if not arguments or arguments[0] in {*cli.COMMANDS, "--help", "--version"}:
        return arguments
    return ["translate", *arguments]


if __name__ == "__main__":
    main()
