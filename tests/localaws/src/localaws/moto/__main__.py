"""The process: `python -m localaws.moto PORT PARENT_PID`. It ends when its parent is gone."""

from __future__ import annotations

import os
import sys
import threading
import time


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main(port: int, parent: int) -> None:
    """Serve until killed."""
    os.environ.update(
        {
            "AWS_DEFAULT_REGION": "us-east-1",
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",
            "MOTO_PORT": str(port),
        }
    )
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()

    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import run_simple

    from localaws.moto.application import application

    class Handler(MotoRequestHandler):
        """Without a line in the log for every request."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            return

    run_simple("127.0.0.1", port, application(), threaded=True, request_handler=Handler)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
