"""The command line: `python -m localaws up ...`."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="localaws", description="A local AWS for the tests and the demo.")
    commands = root.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the emulators, deploy, and stay up")
    up.add_argument("--moto-python", required=True, help="the Python of moto's environment")
    up.add_argument("--port", type=int, help="the endpoint's port (default: a free one)")
    up.add_argument("--template", help="the SAM template of the admin account")
    up.add_argument("--member-role", help="the template of the member role")
    up.add_argument("--member-region", help="the template of what every member has in each region")
    up.add_argument("--organization", help="the template of the management account")
    up.add_argument("--regions", default="", help="the regions of --member-region, separated by commas")
    up.add_argument(
        "--function", action="append", default=[], metavar="NAME=PATH", help="the binary of a function"
    )
    up.add_argument("--modes", help="the template's parameter Modes")
    up.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any parameter of the templates",
    )
    up.add_argument(
        "--accounts", type=int, default=3, help="how many member accounts there are from the start"
    )
    up.add_argument("--visibility-seconds", type=int, help="lower the visibility timeout of every queue")
    up.add_argument("--no-deploy", action="store_true", help="accounts only, no stacks")
    up.add_argument("--parent-pid", type=int, help="end when this process is gone")
    up.add_argument("--log", help="where the emulators log (default: in the temporary directory)")
    return root


def main() -> int:
    """Parse and run."""
    options = parser().parse_args()
    from localaws.front.up import up

    return up(options)


if __name__ == "__main__":
    sys.exit(main())
