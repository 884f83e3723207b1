"""`clarion web`: the panel's server processes; streams, pages and background work in processes of their own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.settings import Settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "web",
        help="serve the panel, the VoiceXML pages and providers' callbacks",
        description="Serves the panel and callbacks at CLARION_WEB_BIND, the live streams of job pages at "
        "CLARION_STREAM_BIND, and VoiceXML pages for media servers at CLARION_PAGES_BIND. Behind a proxy pass /live/ "
        "on to the streams and set CLARION_STREAM_URL to the public address.",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--streams-only", action="store_true", help="serve the live streams alone")
    only.add_argument("--pages-only", action="store_true", help="serve the VoiceXML pages alone")
    only.add_argument("--work-only", action="store_true", help="import files, change lists and try out pacings alone")
    parser.add_argument(
        "--parent", type=int, default=0, metavar="PID", help="end when that process is no longer our parent"
    )
    parser.set_defaults(run=_web)


def _web(arguments: argparse.Namespace) -> int:
    from app.web import serving
    from common.logging import configure
    from common.settings import Settings

    settings: Settings = Settings.load()
    settings.require_secret_key()
    configure(settings.log)
    if arguments.streams_only:
        serving.serve_streams(settings, arguments.parent)
    elif arguments.pages_only:
        serving.serve_pages(settings, arguments.parent)
    elif arguments.work_only:
        serving.work(settings, arguments.parent)
    else:
        serving.serve(settings)
    return 0
