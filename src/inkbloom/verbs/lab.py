"""`inkbloom lab`: a page in the browser, from one convolution to a sampled picture, all computed there."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..printing import say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom lab`."""
    parser.usage = (
        "inkbloom lab [--port N] [--open] [--model RUN] [--lang {en,zh}]\n"
        "       inkbloom lab (--export DIR | --single-file FILE) [--model RUN] [--lang {en,zh}]"
    )
    about = "serve at this port of 127.0.0.1 (default: 7840, or the next free one)"
    parser.add_argument("--port", type=int, metavar="N", help=about)
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    about = "also show this run, or weights file, beside the models that come with the lab"
    parser.add_argument("--model", type=Path, metavar="RUN", help=about)
    about = "write the page into a new folder, for any web server, and end"
    parser.add_argument("--export", type=Path, metavar="DIR", help=about)
    about = "write the page as one HTML file, which opens by a double click, and end"
    parser.add_argument("--single-file", type=Path, metavar="FILE", help=about)
    about = "the language it begins in (default: the browser's)"
    parser.add_argument("--lang", choices=("en", "zh"), help=about)


def run(args: argparse.Namespace) -> int:
    """Serves until Ctrl-C, which ends it with 130 as any command, or writes the page; 0. Raises InkbloomError."""
    from ..errors import UsageError
    from ..files import try_to_write, write_file
    from ..lab.single_file import single_file
    from ..lab.site import check_free, export_site, files_of_lab

    writes = args.export or args.single_file
    if writes and (args.open or args.port is not None):
        raise UsageError("--port and --open are for serving the page: leave them out where it is written")
    if args.port is not None and not 0 <= args.port <= 65535:
        raise UsageError(f"port = {args.port}: needs a number from 0 to 65535")
    if args.export:
        check_free(args.export)
    if args.single_file:
        try_to_write(args.single_file)
    table = files_of_lab(language=args.lang, model=args.model)
    if args.export:
        size = export_site(table, args.export)
        say(f"lab: {args.export} ({len(table)} files, {size / 1e6:.1f} MB): put the folder on any web server")
    if args.single_file:
        page = single_file(table)
        write_file(args.single_file, page)
        say(f"lab: {args.single_file} ({len(page) / 1e6:.1f} MB): opens in a browser by a double click")
    if not writes:
        _serve(table, args.port, args.open)
    return 0


def _serve(table: dict[str, bytes | Path], port: int | None, shown: bool) -> None:
    import threading
    import webbrowser

    from ..lab.server import HOST, PORT, open_server

    with open_server(table, port) as server:
        address = f"http://{HOST}:{server.port}/"
        taken = f"port {PORT} is taken; " if port is None and server.port != PORT else ""
        say(f"lab: {taken}{address} (only this machine can see it; Ctrl-C ends it)")
        if shown:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("lab: closed")
