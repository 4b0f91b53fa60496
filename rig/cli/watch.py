"""``rig watch``: the live page of the runs in a folder, or the same in this terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rig.cli.arguments import add_runs_to_look_at, explain
from rig.cli.unseen import typed_unseen
from rig.errors import EXIT_ALL_PASS, DefinitionError, Where

PORT, LAST_PORT = 8470, 65_535
BY_PIPE = "from a program, give it on standard input"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_runs_to_look_at(parser)
    parser.add_argument("--terminal", action="store_true", help="show it in this terminal, serve no page")
    parser.add_argument(
        "--port", metavar="N", type=int, default=PORT, help=f"port of the page (default: {PORT})"
    )
    parser.add_argument(
        "--host",
        metavar="H",
        default="127.0.0.1",
        help="address it listens at (default: 127.0.0.1, for this machine only); any other needs TLS",
    )
    parser.add_argument(
        "--tls-cert", metavar="FILE", type=Path, help="certificate (PEM), with its names in it"
    )
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="key of the certificate (PEM)")
    parser.add_argument("--add-user", metavar="NAME", help="give somebody a password for the page, and end")
    parser.add_argument(
        "--notify", action="store_true", help="tell this desktop when a run ends, fails or asks"
    )
    parser.add_argument("--webhook", metavar="URL", default="", help="POST the same to this web address")
    explain(
        parser,
        "Ends with Ctrl-C; no run notices whether it is there.",
        example="rig watch runs --port 8470",
        status="0 ended, 4 bad input, or the port is taken",
    )


def run(args: argparse.Namespace) -> int:
    from rig.watch.live import Live
    from rig.watch.notices import Notices
    from rig.watch.people import People

    if args.add_user is not None:
        return _add_user(args.add_user)
    if (args.tls_cert is None) != (args.tls_key is None):
        raise DefinitionError(
            "a certificate and its key go together", Where(key="--tls-cert"), "give --tls-key too"
        )
    if not 0 <= args.port <= LAST_PORT:
        raise DefinitionError(
            f"there is no port {args.port}", Where(key="--port"), f"0 to {LAST_PORT}, 0: any free one"
        )
    if args.webhook and not args.webhook.startswith(("http://", "https://")):
        raise DefinitionError("this is no address", Where(key="--webhook"), "http://... or https://...")
    tls = None if args.tls_cert is None else (args.tls_cert, args.tls_key)
    notices = Notices(args.notify, args.webhook) if args.notify or args.webhook else None
    live = Live(args.runs, notices)
    try:
        if args.terminal:
            from rig.watch.terminal import show

            live.start()
            show(live)
        else:
            from rig.watch.server import check_is_allowed, serve

            check_is_allowed(args.host, tls, People())
            live.start()
            serve(live, args.host, args.port, tls, _told)
    finally:
        live.close()
        if notices is not None:
            notices.close()
    return EXIT_ALL_PASS


def _told(address: str) -> None:
    print(f"live page: {address}", flush=True)


def _add_user(name: str) -> int:
    from rig.watch.people import People

    if sys.stdin.isatty():
        password = typed_unseen(f"password of {name}: ", BY_PIPE)
        if password != typed_unseen("once more: ", BY_PIPE):
            raise DefinitionError("the two passwords are not the same")
    else:
        password = sys.stdin.readline().rstrip("\n")
    people = People()
    people.add(name, password)
    print(f"{name} can log in ({people.path})")
    return EXIT_ALL_PASS
